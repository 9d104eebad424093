/** The page that an address names, relative to where the UI is mounted. */

export type Route =
  | { page: "executions" }
  | { page: "execution"; id: string }
  | { page: "new" }
  | { page: "unknown" };

export function routeOf(base: string, path: string): Route {
  const rest = path.startsWith(base) ? path.slice(base.length) : path.replace(/^\//, "");
  const parts = rest.split("/").filter((part) => part !== "");
  if (parts.length === 0 || rest === "index.html") return { page: "executions" };
  if (parts.length === 1 && parts[0] === "executions") return { page: "executions" };
  if (parts.length === 1 && parts[0] === "new") return { page: "new" };
  if (parts.length === 2 && parts[0] === "executions" && parts[1]) {
    return { page: "execution", id: decodeURIComponent(parts[1]) };
  }
  return { page: "unknown" };
}
