import { hashData, getCachedContentSid, getCacheMetrics, closeTemplateCache } from '@mersal/template-cache';
import { createSendQueueClient, SendQueueError } from '@mersal/send-queue';
import { check } from './check.cjs';

await check({
  hashData,
  getCachedContentSid,
  getCacheMetrics,
  closeTemplateCache,
  createSendQueueClient,
  SendQueueError,
});
