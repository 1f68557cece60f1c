import { createSendQueueClient, type EnqueueOptions, type SendQueueClient } from './client.js';
import type { EnqueuedSend, QueueMetrics, WhatsAppSend } from './send.js';
import { SendQueueError } from './send-queue-error.js';

let current: { readonly url: string; readonly token: string; readonly client: SendQueueClient } | undefined;

/** The client that MERSAL_URL (default http://localhost:3000) and MERSAL_TOKEN name, read at each call. */
function defaultClient(): SendQueueClient {
  const url = process.env['MERSAL_URL'] || 'http://localhost:3000';
  const token = process.env['MERSAL_TOKEN'] ?? '';
  if (token === '') throw new SendQueueError('config_invalid', 'MERSAL_TOKEN is not set');
  if (current?.url !== url || current.token !== token)
    current = { url, token, client: createSendQueueClient({ url, token }) };
  return current.client;
}

/** See SendQueueClient. */
export async function enqueueWhatsAppSend(
  send: WhatsAppSend,
  priority?: number,
  options?: EnqueueOptions,
): Promise<EnqueuedSend> {
  return defaultClient().enqueueWhatsAppSend(send, priority, options);
}

/** See SendQueueClient. */
export async function getQueueMetrics(): Promise<QueueMetrics> {
  return defaultClient().getQueueMetrics();
}
