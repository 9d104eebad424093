import { expect, test } from "vitest";
import { routeOf } from "../src/pure/route";

test.each([
  ["/", "/", "overview"],
  ["/", "/executions", "executions"],
  ["/", "/new", "new"],
  ["/", "/executions/0197-ab", "execution"],
  ["/tools/stepflow/", "/tools/stepflow/executions/0197-ab", "execution"],
  ["/tools/stepflow/", "/tools/stepflow/", "overview"],
  ["/tools/stepflow/", "/tools/stepflow/system", "system"],
  ["/", "/compare", "compare"],
  ["/", "/trends", "trends"],
  ["/", "/nowhere", "unknown"],
  ["/", "/executions/a/b", "unknown"],
])("mounted at %s, %s is the page %s", (base, path, page) => {
  expect(routeOf(base, path).page).toBe(page);
});

test("an id is decoded", () => {
  expect(routeOf("/", "/executions/a%20b")).toEqual({ page: "execution", id: "a b" });
});
