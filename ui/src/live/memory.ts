/** What this browser keeps between visits. Storage can be forbidden by the browser; then nothing is kept. */

export function recalled(key: string): string | null {
  try {
    return localStorage.getItem(`stepflow.${key}`);
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`stepflow.${key}`, value);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}
