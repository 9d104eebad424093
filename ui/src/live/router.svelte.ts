/** Client-side routes; links stay real links, so they open in new tabs and can be copied. */

import { routeOf, type Route } from "../pure/route";
import { base, href } from "./base";

class Router {
  #address = $state(location.pathname);
  /** Changes with every navigation that is not a mere change of the hash. */
  query = $state(new URLSearchParams(location.search));
  hash = $state(location.hash);

  /** The address of the page without its hash: `<base>` would send a bare `#…` elsewhere. */
  get path(): string {
    return this.#address;
  }

  readonly route: Route = $derived(routeOf(base, this.#address));

  start(): void {
    window.addEventListener("popstate", () => this.#read());
    window.addEventListener("hashchange", () => this.#read());
    document.addEventListener("click", (event) => this.#follow(event));
  }

  go(path: string): void {
    history.pushState(null, "", href(path));
    this.#read();
    window.scrollTo(0, 0);
  }

  setQuery(changes: Record<string, string>): void {
    // A plain copy: readers see the change when the whole value is replaced.
    // eslint-disable-next-line svelte/prefer-svelte-reactivity
    const query = new URLSearchParams(location.search);
    for (const [key, value] of Object.entries(changes)) {
      if (value === "") query.delete(key);
      else query.set(key, value);
    }
    const search = query.size > 0 ? `?${query}` : "";
    history.replaceState(null, "", location.pathname + search + location.hash);
    this.query = query;
  }

  setHash(hash: string): void {
    history.replaceState(null, "", location.pathname + location.search + hash);
    this.hash = hash;
  }

  #read(): void {
    this.#address = location.pathname;
    this.query = new URLSearchParams(location.search);
    this.hash = location.hash;
  }

  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin)
      return;
    if (!link.hasAttribute("data-route")) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    this.#read();
    window.scrollTo(0, 0);
  }
}

export const router = new Router();
