/** Browser notifications when an execution ends, for who asked for them, while the page is not looked at. */

import { endOf } from "../words/ended";
import { words } from "../words/words";
import { href } from "./base";
import { recalled, remember } from "./memory";
import type { Execution } from "./model";
import { socket } from "./socket.svelte";

class Notifications {
  isWanted = $state(recalled("notify") === "1");
  isDenied = $state(false);
  readonly #active = new Set<string>();

  /** Notifications exist only where the page came over HTTPS or from this machine. */
  readonly arePossible = "Notification" in window && window.isSecureContext;

  start(): void {
    socket.listen((message) => {
      if (message.type === "execution_update") this.#heard(message.data);
    });
  }

  async want(isWanted: boolean): Promise<void> {
    const isAllowed = isWanted && (await Notification.requestPermission()) === "granted";
    this.isDenied = isWanted && !isAllowed;
    this.isWanted = isAllowed;
    remember("notify", isAllowed ? "1" : "0");
  }

  /** Only what was seen active: a row that changes long after its end is no news. */
  #heard(execution: Execution): void {
    if (execution.completed_at === null) this.#active.add(execution.id);
    else if (this.#active.delete(execution.id)) this.#tell(execution);
  }

  #tell(execution: Execution): void {
    if (!this.isWanted || !document.hidden || Notification.permission !== "granted") return;
    const note = new Notification(
      words.announced.execution(execution.name, words.status[execution.status]),
      { tag: execution.id, body: endOf(execution) ?? "", icon: href("icon-192.png") },
    );
    note.onclick = () => {
      window.focus();
      location.href = href(`executions/${encodeURIComponent(execution.id)}`);
    };
  }
}

export const notifications = new Notifications();
