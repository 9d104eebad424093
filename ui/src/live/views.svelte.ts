/** Filters that were given a name in this browser. */

import { recalled, remember } from "./memory";

export interface View {
  name: string;
  filter: string;
}

class Views {
  all: View[] = $state.raw(kept());

  save(name: string, filter: string): void {
    this.#keep([...this.all.filter((view) => view.name !== name), { name, filter }]);
  }

  forget(name: string): void {
    this.#keep(this.all.filter((view) => view.name !== name));
  }

  #keep(views: View[]): void {
    this.all = views;
    remember("views", JSON.stringify(views));
  }
}

/** What somebody else wrote there is no view of ours. */
function kept(): View[] {
  try {
    const held: unknown = JSON.parse(recalled("views") ?? "[]");
    return Array.isArray(held) ? held.filter(isView) : [];
  } catch {
    return [];
  }
}

function isView(value: unknown): value is View {
  const view = value as View | null;
  return typeof view?.name === "string" && typeof view.filter === "string";
}

export const views = new Views();
