import { joinMessageId, rereadEvent } from '@mersal/contracts';
import type { Breakers, StartedBoth } from '@mersal/lanes';
import { type Claim, recipientOf, type Settled, type Settlement, type Tenant } from '@mersal/ledger';
import {
  failSpan,
  inSpan,
  type Logger,
  type Metrics,
  SpanKind,
  startSpan,
  traceparentOf,
} from '@mersal/telemetry';
import type { SendOutcome, TwilioGateway } from '@mersal/twilio-gateway';
import type { Clock } from '../clock/clock.js';
import { report } from '../outcome/report-to-breakers.js';
import { judge, optedOut, releaseClaim, type VerdictInput } from '../outcome/verdict.js';
import type { NumberPace } from '../rate/number-pace.js';
import type { Written } from '../rate/pacer.js';
import { statusCallbackUrl, toSendRequest } from '../request/request.js';
import type { Templates } from '../request/templates.js';
import { attemptSpanId, linksOf } from './links.js';
import type { SettleQueue } from './settle-queue.js';
import { type SeenWait, waitOf } from './wait.js';

/** A claim with what is needed to carry it out. */
export interface Delivery {
  readonly claim: Claim;
  readonly tenant: Tenant;
  /** As the breakers know this request; undefined: they do not. */
  readonly started: StartedBoth | undefined;
  /** Monotonic, in ms, from before the claim was sent. */
  readonly claimedAt: number;
  /** What kept it from being claimed before; undefined: a caller waits for it, it was in no queue. */
  readonly seen?: SeenWait;
  /** Resolves when the request may be written; with undefined: not by this time (monotonic, in ms), or never. */
  readonly reach: (deadline: number) => Promise<Written | undefined>;
}

export interface DeliveryParts {
  /** How the claims came to be: from the queue, or from a caller who waits for the answer. */
  readonly through: 'queue' | 'direct';
  readonly gateway: TwilioGateway;
  readonly templates: Templates;
  readonly settlements: Pick<SettleQueue, 'settle'>;
  readonly breakers: Breakers;
  /** Undefined: numbers have no rate of their own below the global one. */
  readonly numbers: NumberPace | undefined;
  /** How failures are weighed. */
  readonly by: VerdictInput['by'];
  readonly publicUrl: string;
  readonly claimAgeMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export type Delivered = Settled & { readonly released: boolean };

const QUEUED = { 'messaging.system': 'kafka', 'messaging.operation.name': 'process' };

const OPENED = {
  provider: 'the provider does not work: nothing is sent but a probe now and then',
  account: "a restaurant's account does not work: nothing of it is sent but a probe now and then",
} as const;

const EFFECTS = {
  suspend: 'suspended until its credentials change',
  suppress: 'a recipient opted out',
  pause: 'a limit at the provider, it pauses',
} as const;

/*
 * One attempt
 *
 *   claimed ─► wait for an instant ─► the claim still young? ── too old ─► release
 *                                            │ yes
 *                                            ▼
 *              Twilio ─► outcome ─► verdict ─► settle, with what it says of others
 */
export function createDelivery(parts: DeliveryParts): (delivery: Delivery) => Promise<Delivered> {
  const { clock, gateway, templates, settlements, breakers, metrics, logger } = parts;

  /** Waits until the request may be written. Undefined: the claim has become too old meanwhile. */
  const reach = async ({ claim, claimedAt, reach: atInstant }: Delivery): Promise<Written | undefined> => {
    const deadline = claimedAt + parts.claimAgeMs;
    if (parts.numbers && !(await parts.numbers.reach(claim.sender, deadline))) return undefined;
    const written = await atInstant(deadline);
    return clock.now() <= deadline ? written : undefined;
  };

  const end = async (settlement: Settlement): Promise<Delivered> => ({
    ...(await inSpan('whatsapp-send settle', {}, () => settlements.settle(settlement))),
    released: false,
  });

  return async (delivery) => {
    const { claim, tenant } = delivery;
    const abandon = (): void => {
      if (delivery.started) breakers.abandoned(claim.accountSid, delivery.started);
    };
    if (claim.suppressed) {
      abandon();
      return end(optedOut(claim, clock.wall()));
    }
    // Admission checked it against its schema, and the ledger gives back what admission filed.
    const send = rereadEvent('mersal.send.requested.v1', claim.record);
    const id = joinMessageId(claim.u, claim.tag);
    const account = { accountSid: tenant.accountSid, authToken: tenant.authToken };
    const attributes = {
      ...(parts.through === 'queue' ? QUEUED : {}),
      'messaging.message.id': id,
      'mersal.restaurant': tenant.restaurantId,
      'mersal.attempt': claim.attempt,
    };
    const traceparent = claim.headers['traceparent'];
    const claimedAt = clock.wall() - (clock.now() - delivery.claimedAt);
    if (delivery.seen) {
      const { reason, since } = waitOf(claim, send.sendAt, delivery.seen, claimedAt);
      startSpan('whatsapp-send wait', {
        attributes: { 'mersal.wait.reason': reason, 'mersal.attempt': claim.attempt },
        traceparent,
        startTime: Math.min(since, claimedAt),
      }).end(claimedAt);
    }
    return inSpan(
      parts.through === 'queue' ? 'whatsapp-send process' : 'whatsapp-send direct',
      {
        kind: parts.through === 'queue' ? SpanKind.CONSUMER : SpanKind.INTERNAL,
        attributes,
        traceparent,
        spanId: attemptSpanId(claim, claim.attempt),
        // A caller who repeats a send without the queue has a trace of its own: nobody knows where the attempt before stands.
        links: parts.through === 'queue' ? linksOf(claim) : [],
        startTime: claimedAt,
      },
      async (span) => {
        startSpan('whatsapp-send claim', { startTime: claimedAt }).end(clock.wall());
        const template =
          send.content.kind === 'template'
            ? await templates.resolve(account, tenant.restaurantId, send.content.template)
            : undefined;
        const written = await reach(delivery);
        if (!written) {
          abandon();
          return { ...(await end(releaseClaim(claim, clock.wall()))), released: true };
        }
        logger.info(
          { attempt: claim.attempt },
          `🔄 Processing job ${id} for restaurant ${tenant.restaurantId}`,
        );
        const startedAt = clock.wall();
        if (claim.attempt === 1)
          metrics.observe('mersal_wait_duration', (startedAt - claim.acceptedAt) / 1_000, {
            priority: claim.priority,
          });
        const ended: SendOutcome =
          template?.ok === false
            ? template.outcome
            : await inSpan(
                'POST Messages',
                { kind: SpanKind.CLIENT, attributes: { 'server.address': 'twilio' } },
                async (call) => {
                  const statusCallback = statusCallbackUrl({
                    publicUrl: parts.publicUrl,
                    restaurantId: tenant.restaurantId,
                    messageId: id,
                    attempt: claim.attempt,
                    accountSid: claim.accountSid,
                    contentSid: template?.contentSid,
                    traceparent: traceparentOf(call),
                  });
                  const request = toSendRequest(
                    send,
                    { contentSid: template?.contentSid },
                    statusCallback,
                    startedAt,
                  );
                  const answer = await gateway.send(account, request, { onWritten: written });
                  written();
                  call.setAttribute('mersal.outcome', answer.class);
                  if (answer.httpStatus !== undefined)
                    call.setAttribute('http.response.status_code', answer.httpStatus);
                  if (answer.class !== 'accepted') failSpan(call, answer.message);
                  return answer;
                },
              );
        if (delivery.started && template?.ok !== false) {
          const opened = report(breakers, { claim, started: delivery.started, outcome: ended }, clock.now());
          for (const scope of opened) {
            metrics.count('mersal_breaker_openings', { scope });
            logger.error({ scope, restaurant: tenant.restaurantId }, OPENED[scope]);
          }
        } else abandon();
        // A probe asks whether the trouble is over: its failure is not its message's.
        const outcome = delivery.started?.probe ? { ...ended, countsAttempt: false } : ended;
        metrics.count('mersal_attempts', { outcome: outcome.class });
        metrics.observe('mersal_attempt_duration', outcome.elapsedMs / 1_000);
        span.setAttribute('mersal.outcome', outcome.class);

        const settlement = judge({
          claim,
          to: {
            recipient: recipientOf(send.to),
            address: send.to,
            namesTemplate: send.content.kind === 'template',
          },
          outcome,
          startedAt,
          finishedAt: clock.wall(),
          by: parts.by,
        });
        for (const effect of settlement.effects ?? [])
          logger.error(
            { effect: effect.kind, code: outcome.code },
            `restaurant ${tenant.restaurantId}: ${EFFECTS[effect.kind]}: ${outcome.message}`,
          );
        if (outcome.class === 'template_gone' && send.content.kind === 'template' && template?.ok)
          await templates.forget(account, tenant.restaurantId, send.content.template, template.contentSid);
        const delivered = await end(settlement);
        if (outcome.class === 'accepted')
          logger.info({ sid: outcome.sid, attempt: claim.attempt }, `✅ Job ${id} completed: ${outcome.sid}`);
        else {
          logger.warn(
            {
              class: outcome.class,
              code: outcome.code,
              cause: outcome.cause,
              attempt: claim.attempt,
              next: settlement.event ?? 'held',
            },
            `Job ${id}: ${outcome.message}`,
          );
        }
        return delivered;
      },
    );
  };
}
