/** Lines that hold a JSON object, as loggers print them. */

const LONGEST = 65_536;

/** The object laid out over several lines, or null where there is none. */
export function prettyJson(text: string): string | null {
  const from = text.indexOf("{");
  if (from < 0 || text.length > LONGEST || !/\}\s*$/.test(text) || !text.includes('"')) return null;
  try {
    const value: unknown = JSON.parse(text.slice(from));
    return Object.keys(value as object).length > 0 ? JSON.stringify(value, null, 2) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
