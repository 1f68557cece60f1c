import { useEffect, useState } from 'preact/hooks';
import type { Live } from './types.js';

export interface Sample {
  /** s since 1970. */
  readonly at: number;
  readonly perSecond: number;
  readonly waiting: number;
}

export interface LiveState {
  readonly now: Live | undefined;
  readonly history: readonly Sample[];
  readonly connected: boolean;
}

const KEPT = 300;

/** What the service tells every second, over server-sent events: the browser connects again by itself. */
export function useLive(): LiveState {
  const [state, setState] = useState<LiveState>({ now: undefined, history: [], connected: false });
  useEffect(() => {
    const source = new EventSource('/api/console/live');
    source.addEventListener('open', () => setState((before) => ({ ...before, connected: true })));
    source.addEventListener('error', () => setState((before) => ({ ...before, connected: false })));
    source.addEventListener('live', (event) => {
      const now = JSON.parse(event.data as string) as Live;
      setState((before) => ({ now, connected: true, history: grown(before, now) }));
    });
    return () => source.close();
  }, []);
  return state;
}

function grown(before: LiveState, now: Live): readonly Sample[] {
  const at = Date.parse(now.at) / 1_000;
  if (!before.now) return [{ at, perSecond: 0, waiting: now.queue.waiting }];
  const seconds = at - Date.parse(before.now.at) / 1_000;
  if (seconds <= 0) return before.history;
  const done = now.queue.completed + now.queue.dead - before.now.queue.completed - before.now.queue.dead;
  const sample = { at, perSecond: Math.max(0, done) / seconds, waiting: now.queue.waiting };
  return [...before.history.slice(1 - KEPT), sample];
}
