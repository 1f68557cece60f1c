/** y = from + each · x */
export interface Line {
  readonly from: number;
  readonly each: number;
}

/** The line of least squares. Throws where there are fewer than two different x. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): Line {
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point[0]), mean((point) => point[1])];
  const spread = mean((point) => (point[0] - x) ** 2);
  if (!(spread > 0)) throw new RangeError('a line needs two different x');
  const each = mean((point) => (point[0] - x) * (point[1] - y)) / spread;
  return { from: y - each * x, each };
}
