/** The page that an address names, relative to where the UI is mounted. */

export type Route =
  | { page: "overview" }
  | { page: "executions" }
  | { page: "execution"; id: string }
  | { page: "new" | "system" | "compare" | "trends" }
  | { page: "unknown" };

const ALONE = ["new", "system", "compare", "trends"] as const;

export function routeOf(base: string, path: string): Route {
  const rest = path.startsWith(base) ? path.slice(base.length) : path.replace(/^\//, "");
  const parts = rest.split("/").filter((part) => part !== "");
  if (parts.length === 0 || rest === "index.html") return { page: "overview" };
  if (parts.length === 1 && parts[0] === "executions") return { page: "executions" };
  const alone = ALONE.find((page) => page === parts[0]);
  if (parts.length === 1 && alone) return { page: alone };
  if (parts.length === 2 && parts[0] === "executions" && parts[1]) {
    return { page: "execution", id: decodeURIComponent(parts[1]) };
  }
  return { page: "unknown" };
}
