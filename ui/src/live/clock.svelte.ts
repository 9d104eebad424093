/** The server's time, ticking once a second; durations use it, so a wrong clock here does not show. */

class Clock {
  now = $state(Date.now());
  #aheadMs = 0;

  constructor() {
    window.setInterval(() => this.#tick(), 1000);
  }

  correct(serverTime: string): void {
    const at = Date.parse(serverTime);
    if (!Number.isNaN(at)) this.#aheadMs = at - Date.now();
    this.#tick();
  }

  #tick(): void {
    this.now = Date.now() + this.#aheadMs;
  }
}

export const clock = new Clock();
