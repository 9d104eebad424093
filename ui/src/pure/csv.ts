/** Rows of comma-, semicolon- or tab-separated text (RFC 4180): quoted cells may hold separators and newlines. */

export function csvRows(text: string, most: number): string[][] {
  const separator = separatorOf(text);
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length && rows.length < most) {
    let cell = "";
    if (text[at] === '"') {
      at += 1;
      for (;;) {
        const quote = text.indexOf('"', at);
        if (quote < 0) {
          cell += text.slice(at);
          at = text.length;
          break;
        }
        cell += text.slice(at, quote);
        at = quote + 1;
        if (text[at] !== '"') break;
        cell += '"';
        at += 1;
      }
    }
    const start = at;
    while (at < text.length && text[at] !== separator && text[at] !== "\n") at += 1;
    row.push(cell + text.slice(start, at).replace(/\r$/, ""));
    if (text[at] !== separator) {
      rows.push(row);
      row = [];
    } else if (at + 1 === text.length) row.push("");
    at += 1;
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

function separatorOf(text: string): string {
  const plain = text.slice(0, 65_536).replace(/"[^"]*"/g, "");
  const line = plain.slice(0, plain.search(/\n|$/));
  const counts = [",", ";", "\t"].map((each) => [each, line.split(each).length] as const);
  return counts.reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}
