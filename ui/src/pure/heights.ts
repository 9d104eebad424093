/** Heights of the rows that were measured, by line. A row that was not is assumed to be of the mean height, which
 * is taken over only when nobody scrolls: it moves the scroll bar. */

const MOST = 20_000;

export class Heights {
  assumed: number;
  readonly #known = new Map<number, number>();
  #sum = 0;

  constructor(assumed: number) {
    this.assumed = assumed;
  }

  of(line: number): number {
    return this.#known.get(line) ?? this.assumed;
  }

  /** Keep a measured height; true when it was assumed to be another. */
  keep(line: number, height: number): boolean {
    const known = this.#known.get(line);
    if (known === height) return false;
    this.#known.set(line, height);
    this.#sum += height - (known ?? 0);
    if (this.#known.size > MOST) this.#forgetOldest();
    return (known ?? this.assumed) !== height;
  }

  /** Assume the mean from now on; true when that is another height than before. */
  settle(): boolean {
    if (this.#known.size === 0) return false;
    const mean = Math.max(1, Math.round(this.#sum / this.#known.size));
    const isNew = mean !== this.assumed;
    this.assumed = mean;
    return isNew;
  }

  #forgetOldest(): void {
    for (const [line, height] of this.#known) {
      if (this.#known.size <= MOST / 2) return;
      this.#known.delete(line);
      this.#sum -= height;
    }
  }
}
