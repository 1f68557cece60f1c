import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import { createHash } from 'node:crypto';
import { maskText } from './mask.js';

export type { Attributes, Span } from '@opentelemetry/api';
export { SpanKind } from '@opentelemetry/api';

export interface SpanOptions {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** W3C traceparent of the span that caused this one; without it the active span is the parent. */
  readonly traceparent?: string | undefined;
  /** Causes that are not the parent: an earlier attempt, the record that is replayed. */
  readonly links?: readonly (string | undefined)[];
  readonly startTime?: number;
  /** Its own id, see namedSpanId; without it one is drawn. */
  readonly spanId?: string | undefined;
}

/** Whether spans of this process are read by nobody. */
let unread = false;

/** A process that exports no spans decides nothing for those that do: its traceparents do not say "not sampled". */
export function leaveSamplingToOthers(): void {
  unread = true;
}

/** The id that the span which begins now is to have. */
let wantedSpanId: string | undefined;

/** For who draws ids: the id that was asked for, once. */
export function takeWantedSpanId(): string | undefined {
  const wanted = wantedSpanId;
  wantedSpanId = undefined;
  return wanted;
}

/** The id of a span by names that only it has: who knows them can link to it without having met it. 16 hex digits. */
export function namedSpanId(...names: readonly (string | number)[]): string {
  return createHash('sha256').update(names.join('/')).digest('hex').slice(0, 16);
}

/** The traceparent of a span of the same trace, by its id; undefined: there is no trace. */
export function sameTrace(traceparent: string | undefined, spanId: string): string | undefined {
  const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  return match ? `00-${match[1]}-${spanId}-${match[3]}` : undefined;
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Begins a span that the caller ends. */
export function startSpan(name: string, options: SpanOptions = {}): Span {
  const parent = options.traceparent === undefined ? context.active() : contextOf(options.traceparent);
  const links: Link[] = [];
  for (const link of options.links ?? []) {
    const linked = link === undefined ? undefined : parse(link);
    if (linked) links.push({ context: linked });
  }
  wantedSpanId = options.spanId;
  try {
    return trace.getTracer('mersal').startSpan(
      name,
      {
        kind: options.kind ?? SpanKind.INTERNAL,
        links,
        ...(options.attributes ? { attributes: options.attributes } : {}),
        ...(options.startTime === undefined ? {} : { startTime: options.startTime }),
      },
      parent,
    );
  } finally {
    wantedSpanId = undefined;
  }
}

/** Runs `work` inside a span: active for it, ended after it, failed when it throws. */
export async function inSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = startSpan(name, options);
  try {
    return await context.with(trace.setSpan(context.active(), span), () => work(span));
  } catch (error) {
    failSpan(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Runs `work` with this span active, so that log lines carry its trace id. */
export function withSpan<T>(span: Span, work: () => T): T {
  return context.with(trace.setSpan(context.active(), span), work);
}

export function failSpan(span: Span, error: unknown): void {
  const message = maskText(error instanceof Error ? error.message : String(error));
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}

/** The span as a traceparent header, or undefined when it is not a real one. */
export function traceparentOf(span: Span | undefined = trace.getActiveSpan()): string | undefined {
  const own = span?.spanContext();
  if (!own || !isSpanContextValid(own)) return undefined;
  const sampled = unread || (own.traceFlags & TraceFlags.SAMPLED) !== 0;
  return `00-${own.traceId}-${own.spanId}-${sampled ? '01' : '00'}`;
}

/** The trace id inside a traceparent, or undefined. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent === undefined ? undefined : parse(traceparent)?.traceId;
}

function contextOf(traceparent: string): Context {
  const remote = parse(traceparent);
  return remote ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT;
}

function parse(traceparent: string) {
  const match = TRACEPARENT.exec(traceparent);
  if (!match) return undefined;
  const parsed = {
    traceId: match[1] as string,
    spanId: match[2] as string,
    traceFlags: Number.parseInt(match[3] as string, 16),
    isRemote: true,
  };
  return isSpanContextValid(parsed) ? parsed : undefined;
}
