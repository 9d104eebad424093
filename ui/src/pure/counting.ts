/** Pieces of a log whose hits are counted one after the other. */

const PIECE_BYTES = 64_000_000;
const FEWEST = 12;
const MOST = 400;

export interface Piece {
  first: number;
  last: number;
  total: number;
}

/** Equal in lines. So many that each is counted soon and the minimap shows where hits are. */
export function piecesOf(first: number, last: number, sizeBytes: number): Piece[] {
  const lines = last - first + 1;
  if (lines <= 0) return [];
  const wanted = Math.min(MOST, Math.max(FEWEST, Math.ceil(sizeBytes / PIECE_BYTES)));
  const size = Math.ceil(lines / Math.min(wanted, lines));
  return Array.from({ length: Math.ceil(lines / size) }, (_, index) => ({
    first: first + index * size,
    last: Math.min(last, first + (index + 1) * size - 1),
    total: 0,
  }));
}

/** How many hits the pieces before a line's have, and where its own begins. */
export function placeIn(pieces: readonly Piece[], line: number): { before: number; first: number } {
  let before = 0;
  let first = 0;
  for (const piece of pieces) {
    first = piece.first;
    if (line <= piece.last) break;
    before += piece.total;
  }
  return { before, first };
}
