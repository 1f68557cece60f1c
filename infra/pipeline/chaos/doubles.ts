import type { SeenRequest } from '@mersal/testkit';
import type { Freeze } from './fleet.js';

/** A request as its sender's log tells: written down right before it went out, after the check of its claim's age. */
export interface LoggedRequest {
  readonly sender: string;
  readonly pid: number;
  readonly messageId: string;
  readonly attempt: number;
  /** ms since 1970. */
  readonly at: number;
}

export interface Doubles {
  /** Accepted twice, and no freeze tells why. */
  readonly unexplained: readonly string[];
  /** Accepted twice because a sender stood still between the check of its claim's age and the socket. */
  readonly explained: readonly string[];
}

/** Log and signal are stamped by two processes. */
const SLACK_MS = 50;

/**
 * Sorts the messages that the provider accepted twice (`ids`, by its own count) by whether a freeze explains one of the
 * acceptances: its request was logged before the freeze, and arrived after it.
 */
export function explainDoubles(
  ids: readonly string[],
  requests: readonly SeenRequest[],
  logged: readonly LoggedRequest[],
  freezes: readonly Freeze[],
): Doubles {
  const unexplained: string[] = [];
  const explained: string[] = [];
  for (const id of ids) {
    const accepted = requests.filter((request) => request.messageId === id && request.sid !== null);
    const story = accepted.map(
      ({ attempt, sid, receivedAt }) => `attempt ${attempt} ${sid} received ${receivedAt}`,
    );
    const reason = accepted
      .flatMap((request) =>
        logged
          .filter((one) => one.messageId === id && one.attempt === request.attempt)
          .flatMap((one) =>
            freezes
              .filter(
                ({ pid, from, to }) =>
                  pid === one.pid && one.at <= from + SLACK_MS && request.receivedAt >= to - SLACK_MS,
              )
              .map(
                ({ name, from, to }) =>
                  `${name} logged attempt ${one.attempt} at ${one.at}, stood still from ${from} to ${to}, and it was received at ${request.receivedAt}`,
              ),
          ),
      )
      .at(0);
    const text = `${id}: ${story.join('; ')}`;
    if (reason === undefined) unexplained.push(text);
    else explained.push(`${text}; ${reason}`);
  }
  return { unexplained, explained };
}

const PROCESSING = /^🔄 Processing job (\S+) for restaurant/;

/** The requests that a sender's log lines tell of. */
export function loggedRequests(sender: string, pid: number, lines: readonly string[]): LoggedRequest[] {
  return lines.flatMap((line) => {
    if (!line.includes('Processing job')) return [];
    const entry = parsed(line);
    const messageId = PROCESSING.exec(String(entry['msg']))?.[1];
    const at = typeof entry['time'] === 'string' ? Date.parse(entry['time']) : Number(entry['time']);
    if (messageId === undefined || !Number.isFinite(at)) return [];
    return [{ sender, pid, messageId, attempt: Number(entry['attempt']), at }];
  });
}

/** A line that a kill cut off is none. */
function parsed(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return {};
  }
}
