import {
  judgeable,
  judgeWindow,
  MOST_KEYS_JUDGED,
  PANE_MS,
  SPIKE_LIMITS,
  WINDOW_MS,
  type Alert,
  type WindowSource,
} from '@mersal/cache-windows';
import type { TemplateAlert } from '@mersal/contracts';
import { type CacheWindows, type Database, type Judged, judgeCacheWindows } from '@mersal/ledger';

const WINDOWS_AT_ONCE = 30;

/** Judges what is complete in the ledger. Any number of instances may do so at once. */
export async function judgeLedger(
  database: Database,
  options: { readonly partitions: number; readonly leastRequests: number; readonly webhook: boolean },
): Promise<Judged> {
  const limits = { ...SPIKE_LIMITS, leastRequests: options.leastRequests };
  return judgeCacheWindows(database, {
    partitions: options.partitions,
    paneMs: PANE_MS,
    windowMs: WINDOW_MS,
    judgeable,
    most: WINDOWS_AT_ONCE,
    judge: async (windows, end, open) => {
      const judged = await judgeWindow(sourceOf(windows), end, open as readonly Alert[], limits);
      return {
        alerts: judged.alerts,
        events: judged.events.map((event) => ({
          event,
          webhook: options.webhook && worthACall(event, open as readonly Alert[]),
        })),
      };
    },
  });
}

/** People are called when a spike opens, closes or turns out to have another cause: not for a rate that moves. */
function worthACall(event: TemplateAlert, open: readonly Alert[]): boolean {
  if (event.state !== 'updated') return true;
  const before = open.find(({ scope, key }) => scope === event.scope && key === (event.key ?? '*'));
  return before?.cause !== event.cause;
}

function sourceOf(windows: CacheWindows): WindowSource {
  return {
    sums: (end, besides) => windows.sums(end, besides, MOST_KEYS_JUDGED),
    evidence: (end, keys) => windows.evidence(end, keys) as ReturnType<WindowSource['evidence']>,
  };
}
