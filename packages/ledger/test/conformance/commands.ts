import { type Claim, MESSAGE, type NewMessage, type Ownership, type Settlement } from '@mersal/ledger';
import fc from 'fast-check';
import { accepted, dead, LIMITS, released, repeat, Stage, type Subject, unknown } from './subject.js';

/** A step of a random story. Numbers choose among what there is at that moment. */
export type Command =
  | { readonly kind: 'admit'; readonly lane: number; readonly priority: number }
  | { readonly kind: 'admit_again'; readonly n: number }
  | { readonly kind: 'claim'; readonly n: number }
  | { readonly kind: 'settle'; readonly n: number; readonly as: keyof typeof ENDS }
  | { readonly kind: 'retry'; readonly n: number }
  | { readonly kind: 'redrive'; readonly n: number; readonly priority: number | undefined }
  | { readonly kind: 'discard'; readonly n: number }
  | { readonly kind: 'retry_now'; readonly n: number }
  | { readonly kind: 'cancel'; readonly n: number }
  | { readonly kind: 'undecided'; readonly n: number }
  | { readonly kind: 'decide'; readonly n: number; readonly as: 'sent' | 'not_sent' | 'dead' }
  | { readonly kind: 'release'; readonly n: number }
  | { readonly kind: 'callback'; readonly n: number; readonly as: 'delivered' | 'failed' | 'again' }
  | { readonly kind: 'direct'; readonly n: number; readonly fresh: boolean }
  | { readonly kind: 'wake' }
  | { readonly kind: 'take' };

const ENDS = {
  accepted,
  dead,
  released,
  unknown,
  repeat: (claim: Claim): Settlement => repeat(claim, 1),
  refused: (claim: Claim): Settlement => dead(claim, { state: MESSAGE.refused, event: null }),
} as const;

/** Ends of an attempt that the queue goes on from. */
const AGAIN: readonly string[] = ['released', 'repeat'];

const n = fc.nat(50);
export const commands: fc.Arbitrary<readonly Command[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('admit' as const),
        lane: fc.nat(1),
        priority: fc.constantFrom(1, 5, 5, 9),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('admit_again' as const), n }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('claim' as const), n }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('settle' as const),
        n,
        as: fc.constantFrom('accepted', 'dead', 'released', 'unknown', 'repeat', 'repeat', 'refused'),
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('retry' as const), n }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('redrive' as const),
        n,
        priority: fc.constantFrom(undefined, 0, 9),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('discard' as const), n }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('retry_now' as const), n }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), n }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('undecided' as const), n }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('decide' as const),
        n,
        as: fc.constantFrom('sent', 'not_sent', 'dead'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), n }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('callback' as const),
        n,
        as: fc.constantFrom('delivered', 'failed', 'again'),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('direct' as const), n, fresh: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wake' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('take' as const) }) },
  ) as fc.Arbitrary<Command>,
  { minLength: 5, maxLength: 40 },
);

/** Plays a story and tells what could be seen after every step; ids stand for themselves by their number. */
export async function play(
  subject: Subject,
  name: string,
  story: readonly Command[],
  onDead: 'skip' | 'hold',
): Promise<string[]> {
  const stage = await Stage.open(subject, name, { onDead, concurrency: 2 });
  const messages: NewMessage[] = [];
  const claims: Claim[] = [];
  const former: Ownership[] = [];
  const direct = new Set<string>();
  const seen: string[] = [];
  const nameOf = (u: string | undefined): string => `m${messages.findIndex((one) => one.u === u)}`;
  const at = <T>(all: readonly T[], index: number): T | undefined => all[index % Math.max(1, all.length)];
  for (const command of story) {
    const answer = await step(command);
    seen.push(`${JSON.stringify(command)} → ${answer}`, await look());
  }
  return seen;

  async function step(command: Command): Promise<string> {
    const message = 'n' in command ? at(messages, command.n) : undefined;
    switch (command.kind) {
      case 'admit': {
        const fresh = stage.message(`c${command.lane}`, { priority: command.priority });
        messages.push(fresh);
        return (await stage.admit(fresh)).map((head) => nameOf(head.u)).join();
      }
      case 'admit_again':
        return message ? (await stage.admit(message)).map((head) => nameOf(head.u)).join() : '';
      case 'claim': {
        if (!message) return '';
        const owned = former.length > 0 && command.n % 7 === 0 ? (former.at(-1) as Ownership) : stage.own;
        const answer = await stage.ledger.claim([owned], [message], LIMITS);
        claims.push(...answer.claims);
        return `${answer.claims.map((one) => `${nameOf(one.u)} ${one.attempt} ${one.retries} ${one.redrive} ${one.lastError ?? ''}`).join()} fenced ${answer.fenced.length}`;
      }
      case 'direct': {
        const wanted = command.fresh || !message ? stage.message(`c${command.n % 2}`) : message;
        if (wanted !== message) messages.push(wanted);
        const answer = await stage.ledger.claimDirect(wanted, LIMITS);
        if (answer.kind === 'claimed') {
          direct.add(`${wanted.u} ${answer.claim.attempt}`);
          claims.push({ ...wanted, ...answer.claim } as unknown as Claim);
          return `claimed ${answer.claim.attempt} ${answer.claim.slot}`;
        }
        return answer.kind === 'known' ? `known ${answer.state} ${answer.sameBody}` : JSON.stringify(answer);
      }
      case 'wake':
        return (await stage.ledger.wake([stage.own], 100)).map((head) => nameOf(head.u)).join();
      case 'settle': {
        const claim = at(claims, command.n);
        if (!claim) return '';
        // As the services do: only a send without the queue is refused, and it is never repeated by itself.
        const isDirect = direct.has(`${claim.u} ${claim.attempt}`);
        if (isDirect !== (command.as === 'refused') && (isDirect ? AGAIN : ['refused']).includes(command.as))
          return '';
        const [settled] = await stage.ledger.settle([ENDS[command.as](claim)]);
        return `${settled?.applied} ${settled?.next ? nameOf(settled.next.u) : ''}`;
      }
      case 'retry': {
        if (!message) return '';
        const view = await stage.ledger.readMessage(stage.tenant, message.u);
        const attempt = Math.max(0, ...claims.filter((one) => one.u === message.u).map((one) => one.attempt));
        return (await stage.retry(message.u, attempt, 1, view?.redrive ?? 0)).map(nameOf).join();
      }
      case 'redrive': {
        if (!message) return '';
        const view = await stage.ledger.readMessage(stage.tenant, message.u);
        const letter = { u: message.u, redrive: view?.redrive ?? 0 };
        const { priority } = command;
        return (await stage.redriveAll([priority === undefined ? letter : { ...letter, priority }]))
          .map(nameOf)
          .join();
      }
      case 'discard': {
        if (!message) return '';
        const letter = { kind: 'message' as const, tenant: stage.tenant, u: message.u };
        return String(await stage.ledger.discardDead([letter]));
      }
      case 'retry_now':
        return message ? String(await stage.ledger.retryNow(stage.tenant, message.u)) : '';
      case 'cancel':
        return message ? stage.ledger.cancel(stage.tenant, message.u, message.tag) : '';
      case 'undecided': {
        if (!message) return '';
        const attempt = Math.max(0, ...claims.filter((one) => one.u === message.u).map((one) => one.attempt));
        const { left, next } = await stage.ledger.leaveUndecided(stage.tenant, message.u, attempt);
        return `${left} ${next ? nameOf(next.u) : ''}`;
      }
      case 'decide':
        return message
          ? String(await stage.ledger.decideUnknown(stage.tenant, message.u, command.as, { by: 'me' }))
          : '';
      case 'release': {
        if (!message) return '';
        const next = await stage.ledger.releaseHeld(stage.tenant, message.u);
        return next === null ? 'holds nothing' : nameOf(next?.u);
      }
      case 'callback': {
        const claim = at(claims, command.n);
        return claim ? callback(claim, command.as) : '';
      }
      case 'take':
        former.push(stage.own);
        stage.own = await stage.ledger.takeOwnership(stage.own.partition, 'again');
        return '';
      default:
        return command satisfies never;
    }
  }

  async function callback(claim: Claim, as: 'delivered' | 'failed' | 'again'): Promise<string> {
    const first = await stage.ledger.admittedOffset(stage.own.partition, 'callbacks');
    const { tenant, u, attempt, accountSid } = claim;
    const status = as === 'delivered' ? 'delivered' : 'failed';
    const given = { tenant, u, attempt, accountSid, sid: `SM${u}`, status, receivedAt: claim.acceptedAt };
    let view = '';
    await stage.ledger.applyCallbacks(
      stage.own,
      { first, next: first + 1n },
      [given],
      (found) => {
        if (!found) return { kind: 'ignore', result: 'unknown' };
        view = `${found.state} ${found.attempt} ${found.open?.attempt ?? ''} ${found.attempted?.outcome ?? ''} ${found.retries}`;
        // A newer attempt is under way, or somebody gave it up: as the sender's rule has it.
        if (found.open ? found.open.attempt !== attempt : found.attempted === null)
          return { kind: 'ignore', result: 'late' };
        if (as === 'again')
          return {
            kind: 'apply',
            result: 'x',
            state: MESSAGE.retrying,
            event: 'retrying',
            errorClass: 'paused',
            retry: { due: 1, counted: true },
          };
        const state = MESSAGE[as];
        return { kind: 'apply', result: 'x', state, event: as };
      },
      [],
    );
    return view;
  }

  /** Everything that the port shows of the restaurant. */
  async function look(): Promise<string> {
    const views = await Promise.all(messages.map((one) => stage.ledger.readMessage(stage.tenant, one.u)));
    const shown = views.map((view) =>
      view
        ? `${view.status} ${view.redrive} ${view.sid ? 'sid' : ''} ${view.error?.class ?? ''} [${view.attempts.map((one) => `${one.attempt} ${one.outcome} ${one.sid ? 'sid' : ''}`).join('; ')}]`
        : '-',
    );
    const outbox = await stage.ledger.readOutbox([stage.own.partition], 10_000);
    const mine = new Set(messages.map((one) => one.u));
    const events = outbox
      .filter((one) => mine.has(one.u))
      .map((one) => `${nameOf(one.u)} ${one.state} ${one.redrive} ${one.attempt}`);
    return [
      `heads ${(await stage.heads()).map(nameOf).toSorted().join()}`,
      ...shown.map((text, index) => `m${index} ${text}`),
      `events ${events.slice(-6).join(', ')}`,
      `dead ${(await stage.ledger.listDead({ tenant: stage.tenant }, { most: 100, order: 'oldest' }))
        .map((one) => `${nameOf(one.u)} ${one.reason} ${one.refusal ?? ''} ${one.priority}`)
        .toSorted()
        .join()}`,
      `unknown ${(await stage.ledger.unknownMessages([stage.own.partition], 500))
        .filter((one) => mine.has(one.u))
        .map((one) => nameOf(one.u))
        .join()}`,
    ].join('\n');
  }
}
