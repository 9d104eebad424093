/** What the page may say about its connection; a pure machine, driven by `live/socket`.
 * "Live" is said only after everything that was missed has been fetched. */

export type Connection =
  | { kind: "connecting"; attempt: number }
  | { kind: "catching_up"; attempt: number }
  /** `backAt`: when everything was there again after an absence, in Unix ms. */
  | { kind: "live"; backAt?: number }
  | { kind: "reconnecting"; attempt: number; retryAt: number }
  | { kind: "offline" };

export type Happening =
  | { kind: "opened" }
  | { kind: "caught_up"; at: number }
  | { kind: "closed"; at: number; random: number }
  | { kind: "retried" }
  | { kind: "network_lost" }
  | { kind: "network_back" };

export const FIRST: Connection = { kind: "connecting", attempt: 0 };

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 8_000;

export function after(connection: Connection, happening: Happening): Connection {
  switch (happening.kind) {
    case "opened":
      return { kind: "catching_up", attempt: attemptOf(connection) };
    case "caught_up":
      if (connection.kind !== "catching_up") return connection;
      return connection.attempt > 0 ? { kind: "live", backAt: happening.at } : { kind: "live" };
    case "closed": {
      if (connection.kind === "offline" || connection.kind === "reconnecting") return connection;
      const attempt = attemptOf(connection) + 1;
      return {
        kind: "reconnecting",
        attempt,
        retryAt: happening.at + wait(attempt, happening.random),
      };
    }
    case "retried":
      return connection.kind === "reconnecting"
        ? { kind: "connecting", attempt: connection.attempt }
        : connection;
    case "network_lost":
      return { kind: "offline" };
    case "network_back":
      return connection.kind === "offline" ? FIRST : connection;
  }
}

/** Doubling waits with a random part, so that a thousand pages do not come back in one moment. */
export function wait(attempt: number, random: number): number {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
  return Math.round(full * (0.75 + random * 0.25));
}

function attemptOf(connection: Connection): number {
  return "attempt" in connection ? connection.attempt : 0;
}
