import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from './clock.js';

/** The process' own clocks and timers. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  sleep: (ms, signal) => (signal ? sleep(ms, undefined, { signal }).catch(() => undefined) : sleep(ms)),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  every(ms, run) {
    const timer = setInterval(run, ms);
    return () => clearInterval(timer);
  },
  turn: () => new Promise((next) => setImmediate(next)),
};
