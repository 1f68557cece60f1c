import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts in ticks of 10 ms. */
const TICK_US = 10_000;

interface Stat {
  readonly parent: number;
  readonly us: number;
  readonly usOfEnded: number;
}

function read(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The name stands in brackets and may hold anything: fields are counted from behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const at = (n: number): number => Number(fields[n]);
  return { parent: at(1), us: (at(11) + at(12)) * TICK_US, usOfEnded: (at(13) + at(14)) * TICK_US };
}

/** CPU time of one process so far, in µs, to 10 ms. */
export function cpuOf(pid: number): number {
  return read(pid)?.us ?? 0;
}

/** CPU time of a process and all its descendants so far, those that ended included, in µs. */
export function cpuOfTree(root: number): number {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? read(Number(name)) : undefined;
    if (stat) stats.set(Number(name), stat);
  }
  const inTree = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = stats.get(at)?.parent)
      if (at === root) return true;
    return false;
  };
  let sum = 0;
  for (const [pid, stat] of stats) if (inTree(pid)) sum += stat.us + stat.usOfEnded;
  return sum;
}

/** Bytes that went over the loopback so far: each counted once. */
export function loopbackBytes(): number {
  return Number(/^\s*lo:\s*(\d+)/m.exec(readFileSync('/proc/net/dev', 'utf8'))?.[1]);
}

/** Resident memory of a process, in MB, now and at its highest. */
export function memoryOf(pid: number): { readonly rss: number; readonly highest: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number =>
    Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1_024;
  return { rss: field('VmRSS'), highest: field('VmHWM') };
}
