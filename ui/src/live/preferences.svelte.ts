/** What this browser remembers: the theme and how the log is shown. */

import { recalled, remember } from "./memory";

export type Theme = "system" | "light" | "dark";
export type TimeMode = "off" | "clock" | "elapsed";

const THEMES: readonly Theme[] = ["system", "light", "dark"];
const TIME_MODES: readonly TimeMode[] = ["off", "clock", "elapsed"];

class Preferences {
  theme: Theme = $state(remembered("theme", THEMES));
  timeMode: TimeMode = $state(remembered("time", TIME_MODES));
  showsControlLines = $state(recalled("control") === "1");

  constructor() {
    this.#applyTheme();
  }

  nextTheme(): void {
    this.theme = following(THEMES, this.theme);
    remember("theme", this.theme);
    this.#applyTheme();
  }

  nextTimeMode(): void {
    this.timeMode = following(TIME_MODES, this.timeMode);
    remember("time", this.timeMode);
  }

  toggleControlLines(): void {
    this.showsControlLines = !this.showsControlLines;
    remember("control", this.showsControlLines ? "1" : "0");
  }

  #applyTheme(): void {
    document.documentElement.dataset["theme"] = this.theme;
  }
}

function following<T>(values: readonly T[], value: T): T {
  return values[(values.indexOf(value) + 1) % values.length] as T;
}

function remembered<T extends string>(key: string, values: readonly T[]): T {
  const value = recalled(key);
  return values.find((known) => known === value) ?? (values[0] as T);
}

export const preferences = new Preferences();
