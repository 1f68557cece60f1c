import { templateAlert, type TemplateAlert } from '@mersal/contracts';
import { callAlertWebhook, type Database } from '@mersal/ledger';
import type { Logger, Metrics } from '@mersal/telemetry';

const AT_ONCE = 20;
const TIMEOUT_MS = 5_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;
/** About two hours with these pauses. */
const MOST_TRIES = 30;

export interface AlertWebhookOptions {
  readonly database: Database;
  readonly url: string;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'count'>;
  readonly fetch: typeof fetch;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
}

/**
 * Posts what is due to the webhook: all alerts of a moment in one message, so that one spike is one call. A failed call is repeated after
 * a pause that doubles, and what else there is to say of its alerts waits behind it; a 4xx other than 408 and 429 says that no repeat will do.
 */
export async function callWebhook(options: AlertWebhookOptions): Promise<number> {
  const { database, url, logger, metrics, random } = options;
  return callAlertWebhook(database, AT_ONCE, async (waiting) => {
    const alerts = waiting.map(({ event }) => templateAlert.parse(event));
    const refusal = await post(options.fetch, url, slackText(alerts));
    if (refusal === undefined) {
      metrics.count('mersal_cache_webhook', { outcome: 'done' });
      return null;
    }
    const tries = Math.max(...waiting.map((one) => one.tries)) + 1;
    if (refusal.final || tries >= MOST_TRIES) {
      metrics.count('mersal_cache_webhook', { outcome: 'given_up' });
      logger.error(
        { reason: refusal.reason, tries, alerts: alerts.length },
        'the webhook did not take an alert: given up',
      );
      return null;
    }
    metrics.count('mersal_cache_webhook', { outcome: 'failed' });
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1)) * (0.75 + random() / 2);
    logger.warn(
      { reason: refusal.reason, tries, againInMs: Math.round(pause) },
      'the webhook did not take an alert',
    );
    return Math.max(pause, refusal.retryAfterMs);
  });
}

interface Refusal {
  readonly reason: string;
  readonly final: boolean;
  readonly retryAfterMs: number;
}

async function post(send: typeof fetch, url: string, text: string): Promise<Refusal | undefined> {
  try {
    const response = await send(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text }),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    if (response.ok) return undefined;
    const { status } = response;
    const seconds = Number(response.headers.get('retry-after') ?? 0);
    return {
      reason: `HTTP ${status}`,
      final: status >= 400 && status < 500 && status !== 408 && status !== 429,
      retryAfterMs: Number.isFinite(seconds) ? Math.min(seconds * 1_000, LONGEST_PAUSE_MS) : 0,
    };
  } catch (error) {
    // The URL is a secret of its own, and an error of fetch may hold it.
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    const reason =
      cause instanceof Error && 'code' in cause && typeof cause.code === 'string'
        ? cause.code
        : cause instanceof Error
          ? cause.name
          : typeof cause;
    return { reason, final: false, retryAfterMs: 0 };
  }
}

/** Slack's own escapes; other receivers show them as they are. */
export function slackText(alerts: readonly TemplateAlert[]): string {
  return alerts
    .map(({ state, message }) => `${state === 'closed' ? '✅' : '🚨'} ${message}`)
    .join('\n')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
