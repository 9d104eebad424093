/** The command palette. */

export const palette = {
  palette: {
    label: "Search and commands",
    placeholder: "An execution, a page, a command",
    results: "Results",
    none: "Nothing is called that.",
    pages: "Page",
    theme: (name: string) => `Theme: ${name}`,
    language: (name: string) => `Language: ${name}`,
    trend: (name: string) => `Trend of ${name}`,
    search: (text: string) => `Search the history for “${text}”`,
    command: "Command",
    api: "The API’s reference",
  },
};
