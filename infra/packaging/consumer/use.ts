// What a restaurant platform's own code does with the two packages, typechecked as it would be there.
import {
  createSendQueueClient,
  enqueueWhatsAppSend,
  getQueueMetrics,
  SendQueueError,
  type WhatsAppSend,
} from '@mersal/send-queue';
import { getCachedContentSid, getCacheMetrics, getCacheReport, hashData } from '@mersal/template-cache';

export async function notify(send: WhatsAppSend): Promise<string> {
  try {
    const { id } = await enqueueWhatsAppSend(send, 10);
    return id;
  } catch (error) {
    if (error instanceof SendQueueError) return error.code;
    throw error;
  }
}

export async function sidOf(key: string): Promise<string> {
  return getCachedContentSid(key, async ({ hash, friendlyName }) => `HX${hash}${friendlyName}`, {
    restaurantId: 'zafran',
    data: { body: 'طلبك {{1}} جاهز' },
  });
}

export const client = createSendQueueClient({ url: 'http://127.0.0.1:3000', token: 'mk_x_y' });
export const waiting: Promise<number> = getQueueMetrics().then((metrics) => metrics.waiting);
export const hash: string = hashData({ a: [1, 2], b: 'ب' });
export const hits: number = getCacheMetrics().hits;
export const report: Promise<{ readonly health: { readonly status: string } }> = getCacheReport();
