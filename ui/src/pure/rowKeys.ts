/** Which of the mounted rows a line is drawn in. Lines that stay in view keep their row, and a jump to other
 * lines fills the rows that are there with them: making rows anew is what costs most in a flood. */

export interface RowKeys {
  first: number;
  end: number;
  /** Key of a row = its number + `shift`. */
  shift: number;
}

export const NO_ROWS: RowKeys = { first: 0, end: 0, shift: 0 };

/** After a jump the last rows correspond: in a flood, which is seen from its end, those above come and go. */
export function rowKeys(before: RowKeys, first: number, end: number): RowKeys {
  const overlaps = first < before.end && before.first < end;
  const shift = overlaps ? before.shift : before.shift + before.end - end;
  return { first, end, shift };
}
