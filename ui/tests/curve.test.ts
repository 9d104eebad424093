import { expect, test } from "vitest";
import { curve } from "../src/pure/curve";

test("a curve fills its frame", () => {
  const points = [
    { at: 1000, value: 5 },
    { at: 1500, value: 15 },
    { at: 2000, value: 10 },
  ];
  expect(curve(points, 100, 20, 600)).toEqual({
    path: "M0.0 20.0L50.0 0.0L100.0 10.0",
    least: 5,
    most: 15,
  });
});

test("samples that are missing leave a gap", () => {
  const points = [0, 10, 500, 510].map((at) => ({ at, value: 1 }));
  expect(curve(points, 100, 20, 30).path.match(/M/g)).toHaveLength(2);
});

test("what does not change is a line in the middle", () => {
  const points = [0, 10].map((at) => ({ at, value: 7 }));
  expect(curve(points, 100, 20, 30).path).toBe("M0.0 10.0L100.0 10.0");
});
