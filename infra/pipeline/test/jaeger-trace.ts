export interface JaegerSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  /** Without the name of the queue. */
  readonly name: string;
  readonly startUs: number;
  readonly durationUs: number;
  readonly tags: Readonly<Record<string, unknown>>;
}

export interface JaegerTrace {
  readonly spans: readonly JaegerSpan[];
  readonly services: ReadonlySet<string>;
  /** All that Jaeger knows of it. */
  readonly json: string;
}

interface Answer {
  readonly data?: readonly {
    readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
    readonly spans: readonly {
      readonly traceID: string;
      readonly spanID: string;
      readonly operationName: string;
      readonly startTime: number;
      readonly duration: number;
      readonly references: readonly { readonly refType: string; readonly spanID: string }[];
      readonly tags: readonly { readonly key: string; readonly value: unknown }[];
    }[];
  }[];
}

/** By Jaeger's query API, spans in the order in which they began; undefined: it has none. */
export async function readTrace(query: string, traceId: string): Promise<JaegerTrace | undefined> {
  const answer = await fetch(`${query}/api/traces/${traceId}`);
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`Jaeger answers with ${answer.status}: ${await answer.text()}`);
  const json = await answer.text();
  const [trace] = (JSON.parse(json) as Answer).data ?? [];
  if (!trace) return undefined;
  const spans = trace.spans.map((span): JaegerSpan => {
    return {
      traceId: span.traceID,
      spanId: span.spanID,
      parentId: span.references.find(({ refType }) => refType === 'CHILD_OF')?.spanID,
      name: span.operationName.replace(/^\S+ publish$/, 'publish'),
      startUs: span.startTime,
      durationUs: span.duration,
      tags: Object.fromEntries(span.tags.map(({ key, value }) => [key, value])),
    };
  });
  return {
    spans: spans.toSorted((a, b) => a.startUs - b.startUs),
    services: new Set(Object.values(trace.processes).map(({ serviceName }) => serviceName)),
    json,
  };
}

/** The first of that name. */
export function spanNamed(trace: JaegerTrace, name: string): JaegerSpan {
  const found = trace.spans.find((span) => span.name === name);
  if (!found) throw new Error(`there is no span ${name}`);
  return found;
}

/** Names of the spans above the first of that name, the nearest first. */
export function ancestorsOf(trace: JaegerTrace, name: string): readonly string[] {
  const above = (span: JaegerSpan | undefined): string[] =>
    span ? [span.name, ...above(trace.spans.find(({ spanId }) => spanId === span.parentId))] : [];
  return above(spanNamed(trace, name)).slice(1);
}
