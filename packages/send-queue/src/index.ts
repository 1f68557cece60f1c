export {
  createSendQueueClient,
  type EnqueueOptions,
  type RetryClock,
  type SendQueueClient,
  type SendQueueClientOptions,
} from './client.js';
export { enqueueWhatsAppSend, getQueueMetrics } from './default-client.js';
export type { EnqueuedSend, QueueMetrics, SendContent, WhatsAppSend } from './send.js';
export { type ClientErrorCode, SendQueueError } from './send-queue-error.js';
