/** The one WebSocket of the page. It only brings news: whatever it does not bring is fetched by cursor,
 * so a lost connection, a slow page or a new server process costs time but never a line. */

import { after, FIRST, type Connection, type Happening } from "../pure/connection";
import { socketUrl } from "./base";
import { clock } from "./clock.svelte";
import type { ServerMessage } from "./model";

const PING_MS = 10_000;
const SILENCE_MS = 25_000;

interface Subscription {
  executionId: string;
  cursor: () => string;
}

class Socket {
  connection: Connection = $state(FIRST);
  version = $state("");
  /** To the server and back; null until it is known. */
  roundTripMs: number | null = $state(null);
  #pingedAt = 0;
  readonly #listeners = new Set<(message: ServerMessage) => void>();
  readonly #catchUps = new Set<() => Promise<void>>();
  readonly #subscriptions = new Set<Subscription>();
  #socket: WebSocket | null = null;
  #heardAt = 0;
  #timer = 0;

  start(): void {
    window.addEventListener("offline", () => this.#drop({ kind: "network_lost" }));
    window.addEventListener("online", () => {
      this.#happened({ kind: "network_back" });
      this.#open();
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.retryNow();
    });
    window.setInterval(() => this.#beat(), PING_MS);
    this.#open();
  }

  listen(listener: (message: ServerMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** `fetch` brings a part of the page up to date; it runs after every (re)connection. */
  onCatchUp(fetch: () => Promise<void>): () => void {
    this.#catchUps.add(fetch);
    return () => this.#catchUps.delete(fetch);
  }

  /** Log lines of an execution, from the cursor on; asked for again after every reconnection. */
  subscribe(executionId: string, cursor: () => string): () => void {
    const subscription = { executionId, cursor };
    this.#subscriptions.add(subscription);
    this.#ask(subscription);
    return () => {
      this.#subscriptions.delete(subscription);
      this.#send({ type: "unsubscribe", execution_id: executionId });
    };
  }

  retryNow(): void {
    if (this.connection.kind === "reconnecting") this.#retry();
  }

  /** Connect anew, for example with the session that was just given. */
  restart(): void {
    this.#drop({ kind: "closed", at: Date.now(), random: 0 });
    this.retryNow();
  }

  #open(): void {
    window.clearTimeout(this.#timer);
    const socket = new WebSocket(socketUrl());
    this.#socket = socket;
    socket.onopen = () => void this.#opened();
    socket.onmessage = (event) => this.#heard(JSON.parse(String(event.data)) as ServerMessage);
    socket.onclose = () => {
      if (this.#socket === socket)
        this.#drop({ kind: "closed", at: Date.now(), random: Math.random() });
    };
  }

  async #opened(): Promise<void> {
    const socket = this.#socket;
    this.#heardAt = Date.now();
    this.#happened({ kind: "opened" });
    for (const subscription of this.#subscriptions) this.#ask(subscription);
    const isCurrent = await this.#catchUp();
    if (this.#socket !== socket) return;
    if (isCurrent) this.#happened({ kind: "caught_up", at: Date.now() });
    else socket?.close();
    this.#ping();
  }

  async #catchUp(): Promise<boolean> {
    const results = await Promise.allSettled([...this.#catchUps].map((fetch) => fetch()));
    return results.every((result) => result.status === "fulfilled");
  }

  #heard(message: ServerMessage): void {
    this.#heardAt = Date.now();
    if (message.type === "connection_established") {
      this.version = message.data.version;
      clock.correct(message.data.server_time);
    }
    if (message.type === "pong") this.roundTripMs = Math.round(performance.now() - this.#pingedAt);
    // News were left out for us: the state is read again.
    if (message.type === "lagged") void this.#catchUp();
    for (const listener of this.#listeners) listener(message);
  }

  #beat(): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    // A dead network path does not close a socket: silence does.
    if (Date.now() - this.#heardAt > SILENCE_MS) {
      this.#drop({ kind: "closed", at: Date.now(), random: Math.random() });
    } else this.#ping();
  }

  #ping(): void {
    this.#pingedAt = performance.now();
    this.#send({ type: "ping" });
  }

  #drop(happening: Happening): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#happened(happening);
    if (this.connection.kind !== "reconnecting") return;
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#retry(), this.connection.retryAt - Date.now());
  }

  #retry(): void {
    this.#happened({ kind: "retried" });
    this.#open();
  }

  #ask(subscription: Subscription): void {
    this.#send({
      type: "subscribe",
      execution_id: subscription.executionId,
      cursor: subscription.cursor(),
    });
  }

  #send(message: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #happened(happening: Happening): void {
    this.connection = after(this.connection, happening);
  }
}

export const socket = new Socket();
