/** Which commands fit what was typed, best first: all words occur; a word's beginning counts more. */

export interface Command {
  id: string;
  label: string;
  kind: string;
  /** What is not shown but may be typed. */
  also?: string;
}

const MOST = 30;

export function matching<T extends Command>(commands: readonly T[], typed: string): T[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return commands
    .map((command, place) => ({ command, place, score: scoreOf(command, words) }))
    .filter(({ score }) => score !== null)
    .sort((a, b) => (b.score ?? 0) - (a.score ?? 0) || a.place - b.place)
    .slice(0, MOST)
    .map(({ command }) => command);
}

function scoreOf({ label, also = "" }: Command, words: readonly string[]): number | null {
  const text = `${label} ${also}`.toLowerCase();
  let score = 0;
  for (const word of words) {
    const at = text.indexOf(word);
    if (at < 0) return null;
    if (at === 0) score += 3;
    else score += /[\s\-_/:.]/.test(text.charAt(at - 1)) ? 2 : 1;
  }
  return score;
}
