/** @typedef {import('./traffic.mjs').Row} Row */

const PLAIN_INTERVAL_MS = 3_000;
const COLUMNS = /** @type {const} */ (['accepted', 'sent', 'delivered', 'failed']);
const NAME_WIDTH = 34;

/** @param {readonly Row[]} rows @returns {Row} */
export function sum(rows) {
  const zero = { name: 'all', total: 0, accepted: 0, sent: 0, delivered: 0, failed: 0 };
  for (const row of rows) {
    zero.total += row.total;
    for (const column of COLUMNS) zero[column] += row[column];
  }
  return zero;
}

/**
 * @param {readonly Row[]} rows
 * @param {number} rate messages a second
 * @returns {string[]} lines
 */
export function renderTable(rows, rate) {
  /** @param {string} name @param {readonly (string | number)[]} cells */
  const line = (name, cells) =>
    [pad(name, NAME_WIDTH), ...cells.map((cell) => String(cell).padStart(10))].join('');
  const all = sum(rows);
  return [
    line('restaurant', COLUMNS),
    ...rows.map((row) =>
      line(
        row.name,
        COLUMNS.map((column) => row[column]),
      ),
    ),
    line(
      `all, ${rate.toFixed(1)} sent a second`,
      COLUMNS.map((column) => all[column]),
    ),
  ];
}

/** @param {string} text @param {number} width */
function pad(text, width) {
  const letters = Array.from(text);
  return letters.length > width
    ? `${letters.slice(0, width - 1).join('')}…`
    : text + ' '.repeat(width - letters.length);
}

/** Draws the table anew at each call on a terminal; elsewhere a line every three seconds. */
export class LiveTable {
  #height = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** @param {NodeJS.WriteStream} [out] */
  constructor(out = process.stdout) {
    this.out = out;
  }

  /** @param {readonly Row[]} rows @param {number} rate @param {{ last?: boolean }} [options] */
  show(rows, rate, { last = false } = {}) {
    if (this.out.isTTY) {
      const room = Math.max(6, (this.out.rows ?? 24) - 2);
      const lines = renderTable(rows, rate);
      const shown = lines.length <= room ? lines : [...lines.slice(0, room - 2), '…', ...lines.slice(-1)];
      const up = this.#height > 0 ? `\u001B[${this.#height}A` : '';
      this.out.write(`${up}${shown.map((line) => `\u001B[2K${line}\n`).join('')}`);
      this.#height = shown.length;
      return;
    }
    if (last) {
      this.out.write(`${renderTable(rows, rate).join('\n')}\n`);
      return;
    }
    if (performance.now() - this.#toldAt < PLAIN_INTERVAL_MS) return;
    this.#toldAt = performance.now();
    const all = sum(rows);
    const counts = COLUMNS.map((column) => `${all[column]} ${column}`).join(', ');
    this.out.write(`demo: ${counts}, ${rate.toFixed(1)} sent a second\n`);
  }
}
