/** Where the UI is mounted. The entry script lies in `assets/`, so its own address names the root
 * whatever the path prefix and whatever route the page was opened on. */

const entry = new URL(/* @vite-ignore */ "..", import.meta.url);

export const base: string = import.meta.env.DEV ? "/" : entry.pathname;

export function href(path: string): string {
  return base + path;
}

export function socketUrl(): string {
  const url = new URL(href("ws"), location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
