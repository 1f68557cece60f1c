/** Columns as wide as their widest cell, two spaces apart; `none` stands for an empty table. */
export function table(
  heads: readonly string[],
  rows: readonly (readonly unknown[])[],
  none = '(none)',
): string {
  if (rows.length === 0) return none;
  const cells = [heads, ...rows].map((row) => heads.map((_, n) => show(row[n])));
  const widths = heads.map((_, n) => Math.max(...cells.map((row) => lengthOf(row[n] ?? ''))));
  return cells
    .map((row) =>
      row
        .map((cell, n) => cell + ' '.repeat((widths[n] ?? 0) - lengthOf(cell)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** In characters as a terminal counts them, near enough: names may be in any script. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}

/** Unknown is not zero, and not empty either. */
function show(cell: unknown): string {
  if (cell === null || cell === undefined) return '-';
  if (cell instanceof Date) return cell.toISOString();
  if (typeof cell === 'string') return cell;
  if (typeof cell === 'number' || typeof cell === 'boolean' || typeof cell === 'bigint') return String(cell);
  return JSON.stringify(cell);
}
