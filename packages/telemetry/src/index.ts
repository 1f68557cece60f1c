export { createLogger, type Logger, type LoggerOptions, serializeError } from './logger.js';
export { maskPhone, maskText } from './mask.js';
export {
  createMetrics,
  LATENCY_BOUNDS_S,
  type MetricDefinition,
  type MetricName,
  type Metrics,
  metricCatalogue,
} from './metrics.js';
export {
  type Attributes,
  failSpan,
  inSpan,
  namedSpanId,
  sameTrace,
  type Span,
  SpanKind,
  type SpanOptions,
  startSpan,
  traceIdOf,
  traceparentOf,
  withSpan,
} from './tracing.js';
