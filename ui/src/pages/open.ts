/** The code of each page. One chunk each: what opens first needs no other page's. */

import type { Component } from "svelte";
import type { Route } from "../pure/route";

type Page = Component<{ id: string }>;

const pages = {
  overview: () => import("./OverviewPage.svelte"),
  executions: () => import("./ExecutionsPage.svelte"),
  new: () => import("./NewExecutionPage.svelte"),
  system: () => import("./SystemPage.svelte"),
  compare: () => import("./ComparePage.svelte"),
  trends: () => import("./TrendsPage.svelte"),
};

/** All pages take an id; only that of an execution looks at it. */
export async function open(page: Exclude<Route["page"], "unknown">): Promise<Page> {
  if (page === "execution") return (await import("./ExecutionPage.svelte")).default;
  return (await pages[page]()).default as Component<{ id?: string }>;
}
