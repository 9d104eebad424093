/** Which of our languages a reader gets: the one chosen here, else the first of the browser's that we have. */

export const LANGUAGES = ["en", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

export function languageOf(chosen: string | null, preferred: readonly string[]): Language {
  const wanted = [chosen ?? "", ...preferred].map((tag) => tag.toLowerCase().split("-")[0]);
  const known = wanted.flatMap((tag) => LANGUAGES.filter((language) => language === tag));
  return known[0] ?? "en";
}
