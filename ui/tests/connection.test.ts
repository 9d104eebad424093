import { expect, test } from "vitest";
import { after, FIRST, wait, type Connection, type Happening } from "../src/pure/connection";

const closed: Happening = { kind: "closed", at: 1000, random: 1 };

function run(...happenings: Happening[]): Connection {
  return happenings.reduce(after, FIRST);
}

test("it is live only after everything missed was fetched", () => {
  expect(run({ kind: "opened" }).kind).toBe("catching_up");
  expect(run({ kind: "opened" }, { kind: "caught_up", at: 7 }).kind).toBe("live");
});

test("a late end of catching up does not call a lost connection live", () => {
  expect(run({ kind: "opened" }, closed, { kind: "caught_up", at: 7 }).kind).toBe("reconnecting");
});

test("it says when it was away and has missed nothing", () => {
  expect(run({ kind: "opened" }, { kind: "caught_up", at: 7 })).toEqual({ kind: "live" });
  const back = run(closed, { kind: "retried" }, { kind: "opened" }, { kind: "caught_up", at: 7 });
  expect(back).toEqual({ kind: "live", backAt: 7 });
});

test("waits double up to a limit, and start again after success", () => {
  const failing: Happening[] = [closed, { kind: "retried" }];
  expect(run(...failing, ...failing, closed)).toEqual({
    kind: "reconnecting",
    attempt: 3,
    retryAt: 2600,
  });
  expect(wait(40, 1)).toBe(8000);
  const back = run(...failing, { kind: "opened" }, { kind: "caught_up", at: 7 }, closed);
  expect(back).toMatchObject({ attempt: 1 });
});

test("a server that accepts and fails at once is not asked in a tight loop", () => {
  const flapping: Happening[] = [{ kind: "opened" }, closed, { kind: "retried" }];
  expect(run(...flapping, ...flapping, { kind: "opened" }, closed)).toMatchObject({ attempt: 3 });
});

test("without a network nothing is retried until it is back", () => {
  expect(run({ kind: "network_lost" }, closed, { kind: "retried" }).kind).toBe("offline");
  expect(run({ kind: "network_lost" }, { kind: "network_back" })).toEqual(FIRST);
});

test("waits differ from page to page", () => {
  expect(wait(3, 0)).toBeLessThan(wait(3, 1));
});
