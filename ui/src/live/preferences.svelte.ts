/** What this browser remembers: the theme and how the log is shown. */

import { MediaQuery } from "svelte/reactivity";
import { ENHANCED, READABLE } from "../pure/colours";
import { recalled, remember } from "./memory";

export type Theme = "system" | "light" | "dark";
export type Palette = "standard" | "distinct";
export type TimeMode = "off" | "clock" | "elapsed" | "step" | "delta";

export const THEMES: readonly Theme[] = ["system", "light", "dark"];
export const PALETTES: readonly Palette[] = ["standard", "distinct"];
const TIME_MODES: readonly TimeMode[] = ["off", "clock", "elapsed", "step", "delta"];

/** A phone: there is no room beside the log, and a finger points at its lines. */
export const smallScreen = new MediaQuery("max-width: 640px");

/** Of all colours that scripts print; who changes what the system wants reloads the page. */
export const leastContrast = matchMedia("(prefers-contrast: more)").matches ? ENHANCED : READABLE;

class Preferences {
  theme: Theme = $state(remembered("theme", THEMES));
  palette: Palette = $state(remembered("palette", PALETTES));
  timeMode: TimeMode = $state(remembered("time", TIME_MODES));
  showsControlLines = $state(recalled("control") === "1");
  /** Repeated lines and the frames of stack traces are folded. */
  foldsRepeats = $state(recalled("repeats") !== "0");
  /** A screen reader is told of new lines. */
  readsLines = $state(recalled("aloud") === "1");
  #wraps: string | null = $state(recalled("wrap"));

  constructor() {
    this.#applyLook();
  }

  choosePalette(palette: Palette): void {
    this.palette = palette;
    remember("palette", palette);
    this.#applyLook();
  }

  chooseTheme(theme: Theme): void {
    this.theme = theme;
    remember("theme", theme);
    this.#applyLook();
  }

  nextTimeMode(): void {
    this.timeMode = following(TIME_MODES, this.timeMode);
    remember("time", this.timeMode);
  }

  toggleControlLines(): void {
    this.showsControlLines = !this.showsControlLines;
    remember("control", this.showsControlLines ? "1" : "0");
  }

  toggleRepeats(): void {
    this.foldsRepeats = !this.foldsRepeats;
    remember("repeats", this.foldsRepeats ? "1" : "0");
  }

  toggleReadsLines(): void {
    this.readsLines = !this.readsLines;
    remember("aloud", this.readsLines ? "1" : "0");
  }

  /** Until somebody chooses, long lines are wrapped where there is no room for them. */
  get wraps(): boolean {
    return this.#wraps === null ? smallScreen.current : this.#wraps === "1";
  }

  toggleWrap(): void {
    this.#wraps = this.wraps ? "0" : "1";
    remember("wrap", this.#wraps);
  }

  #applyLook(): void {
    document.documentElement.dataset["theme"] = this.theme;
    document.documentElement.dataset["palette"] = this.palette;
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
