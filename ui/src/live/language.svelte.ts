/** The language of the page. Only English is in the first bundle; another one is fetched when it is chosen. */

import { languageOf, type Language } from "../pure/language";
import { en } from "../words/en";
import { speak, type Words } from "../words/words";
import { recalled, remember } from "./memory";

const CATALOGUES: Record<Language, () => Promise<Words>> = {
  en: () => Promise.resolve(en),
  zh: async () => (await import("../words/zh")).zh,
};

class PageLanguage {
  /** The page is mounted anew when this changes. */
  name: Language = $state("en");

  async start(): Promise<void> {
    await this.#use(languageOf(recalled("language"), navigator.languages));
  }

  async choose(name: Language): Promise<void> {
    remember("language", name);
    await this.#use(name);
  }

  async #use(name: Language): Promise<void> {
    const catalogue = await CATALOGUES[name]();
    speak(catalogue);
    document.documentElement.lang = catalogue.locale;
    this.name = name;
  }
}

export const language = new PageLanguage();
