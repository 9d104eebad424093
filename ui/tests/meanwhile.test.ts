import { expect, test } from "vitest";
import { Meanwhile } from "../src/live/meanwhile";

test("an answer that was overtaken does not bring an older state back", async () => {
  const meanwhile = new Meanwhile<string>();
  let state = "";
  let answer: (read: string) => void = () => undefined;
  const done = meanwhile.reading(
    () => new Promise<string>((resolve) => (answer = resolve)),
    (read) => (state = read),
    (heard) => (state = heard),
  );
  meanwhile.heard("completed");
  answer("running");
  await done;
  expect(state).toBe("completed");
  meanwhile.heard("nobody reads");
  expect(state).toBe("completed");
});

test("a failed reading leaves nothing listening", async () => {
  const meanwhile = new Meanwhile<string>();
  const heard: string[] = [];
  const failing = meanwhile.reading(
    () => Promise.reject(new Error("away")),
    () => undefined,
    (message) => heard.push(message),
  );
  meanwhile.heard("one");
  await expect(failing).rejects.toThrow("away");
  expect(heard).toEqual([]);
});
