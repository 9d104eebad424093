/** Which line a row shows. Everything else counts lines; only who implements this knows that rows are fewer. */

export interface Lines {
  first: number;
  /** One behind the last. */
  end: number;
}

export interface RowMap {
  rowCount(lineCount: number): number;
  lineAt(row: number): number;
  /** The row of a line; of a line that has none the nearest before it. */
  rowOf(line: number): number;
  /** The lines of a range of rows. */
  lines(firstRow: number, endRow: number): Lines[];
}

/** Only chosen lines, in their order: what the filter shows. */
export class ChosenRows implements RowMap {
  readonly #numbers: readonly number[];

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  rowCount(): number {
    return this.#numbers.length;
  }

  lineAt(row: number): number {
    return this.#numbers[row] ?? 0;
  }

  rowOf(line: number): number {
    let low = 0;
    let high = this.#numbers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#numbers[middle] as number) <= line) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  lines(firstRow: number, endRow: number): Lines[] {
    return this.#numbers.slice(firstRow, endRow).map((line) => ({ first: line, end: line + 1 }));
  }
}
