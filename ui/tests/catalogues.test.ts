import { expect, test } from "vitest";
import { en } from "../src/words/en";
import { zh } from "../src/words/zh";

type Saying = string | ((...values: unknown[]) => string);

function* leaves(tree: object, path = ""): Generator<[string, Saying]> {
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === "object") yield* leaves(value as object, `${path}${key}.`);
    else yield [path + key, value as Saying];
  }
}

const english = new Map(leaves(en));
const chinese = new Map(leaves(zh));

function said(saying: Saying, count: number): string {
  return typeof saying === "string" ? saying : saying(count, count, count, count);
}

test("both languages have the same texts", () => {
  expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
});

test.each([
  ["English", english],
  ["Chinese", chinese],
])("no text is empty in %s, whatever the numbers", (_, catalogue) => {
  const broken = [...catalogue].filter(([, saying]) =>
    [0, 1, 2, 11, 1234].some((count) => /^\s*$|undefined|NaN|\[object/.test(said(saying, count))),
  );
  expect(broken.map(([path]) => path)).toEqual([]);
});

test("Chinese is not English left over", () => {
  const same = [...chinese].filter(
    ([path, saying]) =>
      /[a-z]{3} [a-z]{3}/i.test(said(saying, 2)) && !HAN.test(said(saying, 2)) && path !== "locale",
  );
  expect(same.map(([path]) => path)).toEqual([]);
});

const HAN = /\p{Script=Han}/u;

test("English counts one and many", () => {
  expect(en.list.errors(1)).toBe("1 error");
  expect(en.list.errors(1200)).toBe("1,200 errors");
  expect([1, 2, 3, 4, 11, 21].map(en.list.queuePlace).join()).toBe(
    "1st in queue,2nd in queue,3rd in queue,4th in queue,11th in queue,21st in queue",
  );
});

test("Chinese counts without a plural", () => {
  expect(zh.list.errors(1200)).toBe("1,200 个错误");
});
