import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface Line {
  readonly label: string;
  readonly color: string;
  readonly scale?: string;
  readonly values: readonly (number | null)[];
}

// uPlot's own names for these are declared only, and not there at run time.
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment
const LEFT: uPlot.Axis.Side = 3;
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment
const RIGHT: uPlot.Axis.Side = 1;

/** Lines over time. `label` says to who can't see it what it shows. */
export function Chart({
  at,
  lines,
  label,
}: {
  readonly at: readonly number[];
  readonly lines: readonly Line[];
  readonly label: string;
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  useEffect(() => {
    const box = place.current;
    if (!box) return undefined;
    const ink = getComputedStyle(box).color;
    const axis = { stroke: ink, grid: { stroke: 'rgba(128,128,128,.2)' }, ticks: { show: false } };
    const scales = new Set(lines.map((line) => line.scale ?? 'y'));
    const made = new uPlot(
      {
        width: box.clientWidth,
        height: 220,
        cursor: { drag: { x: false, y: false } },
        scales: Object.fromEntries(
          [...scales].map((name) => [name, { range: (_u, _min, max) => [0, Math.max(1, max * 1.1)] }]),
        ),
        axes: [
          axis,
          ...[...scales].map((scale, n) => ({ ...axis, scale, side: n === 0 ? LEFT : RIGHT, size: 54 })),
        ],
        series: [
          {},
          ...lines.map(({ label: name, color, scale = 'y' }) => ({
            label: name,
            stroke: color,
            width: 2,
            scale,
            points: { show: false },
          })),
        ],
      },
      [[], ...lines.map(() => [])],
      box,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height: 220 }));
    watch.observe(box);
    return () => {
      watch.disconnect();
      made.destroy();
    };
  }, [lines.map((line) => line.label).join()]);
  useEffect(() => {
    plot.current?.setData([[...at], ...lines.map((line) => [...line.values])]);
  });
  return <div ref={place} class="chart" role="img" aria-label={label} />;
}
