import type { TemplateStore } from '@mersal/delivery';
import type { Logger } from '@mersal/telemetry';
import { TemplateCache } from '@mersal/template-cache';
import type { Settings } from './settings.js';

/** Longest wait at the end for Kafka to take the last events, in ms. */
const CLOSE_MS = 2_000;

/**
 * The template cache as the sender uses it: a template's name is its key, and the provider is asked for it, as a template that nobody
 * has made is nothing that the sender could make.
 */
export function openTemplateStore(
  settings: Settings,
  logger: Logger,
): { readonly store: TemplateStore; readonly close: () => Promise<void> } {
  const cache = new TemplateCache({
    env: {
      KAFKA_BROKERS: settings.KAFKA_BROKERS.join(','),
      KAFKA_TLS: String(settings.KAFKA_TLS),
      KAFKA_TLS_CA: settings.KAFKA_TLS_CA,
      KAFKA_TLS_CERT: settings.KAFKA_TLS_CERT,
      KAFKA_TLS_KEY: settings.KAFKA_TLS_KEY,
      KAFKA_SASL_MECHANISM: settings.KAFKA_SASL_MECHANISM,
      KAFKA_SASL_USERNAME: settings.KAFKA_SASL_USERNAME,
      KAFKA_SASL_PASSWORD: settings.KAFKA_SASL_PASSWORD,
      REDIS_URL: settings.REDIS_URL,
      REDIS_TLS_CA: settings.REDIS_TLS_CA,
      DATABASE_URL: settings.DATABASE_URL,
      WHATSAPP_SEND_QUEUE_NAME: settings.WHATSAPP_SEND_QUEUE_NAME,
    },
    logger,
  });
  return {
    store: {
      sidOf: ({ restaurantId, accountSid, name }, look) =>
        cache.getCachedContentSid(name, look, { restaurantId, accountSid, find: look }),
      forget: ({ restaurantId, accountSid, name }, contentSid) =>
        cache.forgetContentSid(name, contentSid, { restaurantId, accountSid }),
    },
    close: async () => {
      try {
        await cache.close(CLOSE_MS);
      } catch (error) {
        logger.warn({ err: error }, 'the last template events could not be published');
      }
    },
  };
}
