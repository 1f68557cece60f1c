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
}

/** Whether spans of this process are read by nobody. */
let unread = false;

/** A process that exports no spans decides nothing for those that do: its traceparents do not say "not sampled". */
export function leaveSamplingToOthers(): void {
  unread = true;
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
