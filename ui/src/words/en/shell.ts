/** What frames every page: navigation, connection, key, keyboard sheet, announcements. */

export const shell = {
  product: "StepFlow",
  nav: {
    main: "Main",
    executions: "Executions",
    new: "New execution",
    skip: "Skip to content",
  },
  preferences: {
    title: "Preferences",
    theme: "Theme",
    language: "Language",
  },
  theme: {
    system: "As the system",
    light: "Light",
    dark: "Dark",
  },
  /** Each in its own language: who is lost finds the way back. */
  language: {
    en: "English",
    zh: "中文",
  },
  connection: {
    connecting: "Connecting",
    catching_up: "Catching up",
    live: "Live",
    reconnecting: (seconds: number) =>
      seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting",
    offline: "Offline",
    hint: {
      connecting: "Waiting for the server",
      catching_up: "Fetching what was missed",
      live: "News arrive as they happen",
      reconnecting:
        "The server does not answer. Scripts go on without it, and nothing is missed here.",
      offline: "This computer has no network",
    },
    retry: "Retry now",
  },
  key: {
    title: "This server asks for its key",
    text: "It is the value of STEPFLOW_API_KEY.",
    label: "API key",
    wrong: "That is not the key.",
    open: "Continue",
  },
  keys: {
    title: "Keyboard",
    groups: {
      log: "Log",
      steps: "Steps",
      execution: "Execution",
      list: "Executions",
    },
    start: "True start of the log",
    end: "True end of the log",
    page: "A page up or down",
    follow: "Follow the end",
    search: "Search the whole log",
    matches: "Next, previous match",
    errors: "Previous, next error",
    warnings: "Previous, next warning",
    all: "Select the whole log; a copy is its clean text",
    time: "Line times: off, clock, elapsed",
    control: "Show or hide control lines",
    wrap: "Wrap long lines",
    permalink: "Copy a link to the line",
    selection: "Copy the chosen lines as Markdown, with their link",
    nextStep: "Next, previous step",
    foldStep: "Fold or unfold the step at the top",
    foldAll: "Unfold all steps, fold what ended well",
    cancel: "Cancel, asks first",
    rerun: "Edit and rerun",
    filter: "Filter",
    new: "New execution",
    sheet: "This sheet",
  },
  unknownPage: "There is no page at this address.",
  announced: {
    execution: (name: string, status: string) => `${name}: ${status}`,
    step: (name: string, status: string) => `Step ${name}: ${status}`,
  },
  close: "Close",
};
