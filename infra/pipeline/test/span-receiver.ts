import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  /** Those that are text. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

export interface SpanReceiver {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  close(): Promise<void>;
}

/** Takes what services export by OTLP over HTTP (protobuf), as a trace back end would. */
export async function receiveSpans(): Promise<SpanReceiver> {
  const spans: ReceivedSpan[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/v1/traces') spans.push(...spansOf(Buffer.concat(chunks)));
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** ExportTraceServiceRequest.resource_spans(1).scope_spans(2).spans(2) → trace_id 1, span_id 2, parent 4, name 5, attributes 9 → key 1, value 2 → text 1; links 13 → trace_id 1, span_id 2. */
function spansOf(request: Buffer): ReceivedSpan[] {
  return fields(request, 1)
    .flatMap((resourceSpans) => fields(resourceSpans, 2))
    .flatMap((scopeSpans) => fields(scopeSpans, 2))
    .map((span) => ({
      traceId: fields(span, 1)[0]?.toString('hex') ?? '',
      spanId: fields(span, 2)[0]?.toString('hex') ?? '',
      parentId: fields(span, 4)[0]?.toString('hex') ?? '',
      name: fields(span, 5)[0]?.toString('utf8') ?? '',
      attributes: Object.fromEntries(
        fields(span, 9).flatMap((attribute) => {
          const text = fields(fields(attribute, 2)[0] ?? Buffer.alloc(0), 1)[0];
          return text === undefined
            ? []
            : [[fields(attribute, 1)[0]?.toString('utf8') ?? '', text.toString('utf8')]];
        }),
      ),
      links: fields(span, 13).map((link) => ({
        traceId: fields(link, 1)[0]?.toString('hex') ?? '',
        spanId: fields(link, 2)[0]?.toString('hex') ?? '',
      })),
    }));
}

/** The length-delimited values of one field of a protobuf message. */
function fields(message: Buffer, wanted: number): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const wire = key & 7;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else {
      const length = varint();
      if (key >> 3 === wanted) found.push(message.subarray(at, at + length));
      at += length;
    }
  }
  return found;
}
