import { setTimeout as sleep } from 'node:timers/promises';

import { LiveTable, sum } from './table.mjs';
import { DemoTraffic, isDelivered, isFailed } from './traffic.mjs';

/** How long nothing may change before the rest counts as lost. */
const PATIENCE_MS = 120_000;
/** A provider that is not ours may never report a delivery: then `sent` is as far as it goes. */
const SENT_SETTLES_MS = 15_000;

/**
 * @typedef {object} Summary
 * @property {number} sends
 * @property {number} delivered
 * @property {number} sentOnly accepted by a provider that reported no delivery
 * @property {number} failed
 * @property {number} lost accepted here, and not final
 * @property {number | undefined} duplicates by the provider's record; undefined when it keeps none
 * @property {boolean} good
 */

/**
 * @param {object} options
 * @param {string} options.ingress
 * @param {string} options.twilio
 * @param {boolean} options.ownProvider the simulator, which reports every delivery and keeps a record
 * @param {import('./traffic.mjs').Sender[]} options.senders
 * @param {string} options.run
 * @param {AbortSignal} options.signal
 * @returns {Promise<Summary>}
 */
export async function runDemo({ ingress, twilio, ownProvider, senders, run, signal }) {
  const before = await duplicatesAt(twilio, signal);
  const traffic = new DemoTraffic({ ingress, senders, run, signal });
  const table = new LiveTable();
  let lastSentAt = traffic.startedAt;
  let sent = 0;
  const show = (last = false) => {
    const rows = traffic.rows();
    const now = sum(rows).sent;
    if (now !== sent) lastSentAt = performance.now();
    sent = now;
    table.show(rows, sent / Math.max(0.001, (lastSentAt - traffic.startedAt) / 1_000), { last });
  };
  const posting = traffic.post();
  // A failure is thrown by the race below, or by the wait after it; here it is only kept from being nobody's.
  posting.catch(() => {});
  const tick = () => sleep(400, 'posting', { signal });
  while ((await Promise.race([posting.then(() => 'posted'), tick()])) === 'posting') {
    await traffic.refresh();
    show();
  }
  while (!isOver(traffic, ownProvider)) {
    await tick();
    await traffic.refresh();
    show();
  }
  show(true);
  const after = await duplicatesAt(twilio, signal);
  return summarise(
    traffic,
    ownProvider,
    before === undefined || after === undefined ? undefined : after - before,
  );
}

/** @param {DemoTraffic} traffic @param {boolean} ownProvider */
function isOver(traffic, ownProvider) {
  const quietMs = performance.now() - traffic.changedAt;
  if (quietMs > PATIENCE_MS) return true;
  const settles = !ownProvider && quietMs > SENT_SETTLES_MS;
  return traffic.tracked.every(
    ({ status }) => isDelivered(status) || isFailed(status) || (settles && status === 'sent'),
  );
}

/**
 * @param {DemoTraffic} traffic
 * @param {boolean} ownProvider
 * @param {number | undefined} duplicates
 * @returns {Summary}
 */
function summarise(traffic, ownProvider, duplicates) {
  const all = sum(traffic.rows());
  const sentOnly = all.sent - all.delivered;
  const lost = all.total - all.delivered - all.failed - (ownProvider ? 0 : sentOnly);
  const complete = ownProvider ? all.delivered === all.total && duplicates === 0 : (duplicates ?? 0) === 0;
  return {
    sends: all.total,
    delivered: all.delivered,
    sentOnly,
    failed: all.failed,
    lost,
    duplicates,
    good: all.total > 0 && lost === 0 && complete,
  };
}

/** @param {string} twilio @param {AbortSignal} signal @returns {Promise<number | undefined>} */
async function duplicatesAt(twilio, signal) {
  try {
    const response = await fetch(`${twilio}/_simulator/stats`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
    });
    if (!response.ok) return undefined;
    const { duplicates } = /** @type {{ duplicates?: unknown }} */ (await response.json());
    return typeof duplicates === 'number' ? duplicates : undefined;
  } catch (error) {
    // A provider without such a record: the caller says that it was not checked.
    if (signal.aborted) throw error;
    return undefined;
  }
}

/** @param {Summary} summary */
export function describe({ sends, delivered, sentOnly, failed, lost, duplicates }) {
  const parts = [`${sends} sends`, `${delivered} delivered`];
  if (sentOnly > 0) parts.push(`${sentOnly} sent without a report of delivery`);
  if (failed > 0) parts.push(`${failed} failed`);
  parts.push(
    duplicates === undefined
      ? 'duplicates not checked: the provider keeps no record'
      : `${duplicates} duplicates`,
  );
  parts.push(`${lost} lost`);
  return parts.join(', ');
}
