import type { IncomingMessage, ServerResponse } from 'node:http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { RuntimeNodeInstrumentation } from '@opentelemetry/instrumentation-runtime-node';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { leaveSamplingToOthers, takeWantedSpanId } from './tracing.js';

/*
 * Spans are made by hand at the few boundaries that tell a message's story (request, publish, admit, wait, attempt,
 * callback); nothing is patched into libraries. So nothing is lost under ESM, nothing costs CPU on the hot path
 * unseen, and no attribute holds what a library thought fit to export.
 */
/** The SDK makes no ids without a processor. */
const keepIds: tracing.SpanProcessor = {
  onStart: () => undefined,
  onEnd: () => undefined,
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

/** Ids are drawn, but for those that spans ask for. */
const drawn = new tracing.RandomIdGenerator();
const ids: tracing.IdGenerator = {
  generateTraceId: drawn.generateTraceId,
  generateSpanId: () => takeWantedSpanId() ?? drawn.generateSpanId(),
};

let prometheus: PrometheusExporter | undefined;
let sdk: NodeSDK | undefined;

/**
 * Starts OpenTelemetry by its own OTEL_* variables. Traces are exported only where an OTLP endpoint is named;
 * without one, trace ids are still made, for logs and for the message's story.
 */
export function startTelemetry(env: Readonly<Record<string, string | undefined>>, service: string): void {
  if (sdk || env['OTEL_SDK_DISABLED'] === 'true') return;
  prometheus = new PrometheusExporter({ preventServerStart: true });
  const exports = Boolean(env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']);
  if (!exports) leaveSamplingToOthers();
  sdk = new NodeSDK({
    idGenerator: ids,
    serviceName: env['OTEL_SERVICE_NAME'] ?? service,
    // The default detectors export the command line.
    autoDetectResources: false,
    metricReaders: [prometheus],
    spanProcessors: exports
      ? [
          new tracing.BatchSpanProcessor(new OTLPTraceExporter(), {
            scheduledDelayMillis: 500,
            maxQueueSize: 8192,
          }),
        ]
      : [keepIds],
    // Nobody will read them: spans are ids then, without what happened in them.
    ...(exports ? {} : { sampler: new tracing.AlwaysOffSampler() }),
    logRecordProcessors: [],
    instrumentations: [new RuntimeNodeInstrumentation()],
  });
  sdk.start();
}

/** Answers GET /metrics in Prometheus' text format. */
export function serveMetrics(request: IncomingMessage, response: ServerResponse): void {
  if (prometheus) prometheus.getMetricsRequestHandler(request, response);
  else {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.end('# telemetry is off\n');
  }
}

/** Sends what is buffered and stops. */
export async function stopTelemetry(): Promise<void> {
  await sdk?.shutdown();
  sdk = undefined;
}
