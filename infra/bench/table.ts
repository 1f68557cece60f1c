import type { Row } from './part.js';

const verdict = (row: Row): string => (row.met === null ? '' : row.met ? 'met' : 'MISSED');

/** The rows as text in columns. */
export function table(rows: readonly Row[]): string {
  const cells = [
    ['what', 'target', 'measured', 'ratio', 'verdict'],
    ...rows.map((row) => [
      row.what,
      row.target,
      row.measured,
      row.ratio === undefined ? '' : row.ratio.toFixed(2),
      verdict(row),
    ]),
  ];
  const widths = (cells[0] ?? []).map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
  return cells
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
