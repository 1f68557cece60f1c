import type { Pipeline, PostedSend } from '@mersal/testkit';
import { call } from '../test/api.js';
import { customer, orderText } from '../test/orders.js';

export interface Load {
  readonly posted: readonly PostedSend[];
  readonly refused: number;
  readonly done: Promise<void>;
}

/**
 * Posts messages one after the other for each conversation, so that the order of acceptance is known, and repeats
 * each with its own Idempotency-Key until it is answered with 202.
 */
export function startLoad(
  pipeline: Pipeline,
  options: { readonly messages: number; readonly lanesPerTenant: number },
): Load {
  const posted: PostedSend[] = [];
  let refused = 0;
  let next = 0;
  const lane = async (restaurant: string, conversation: string, number: number): Promise<void> => {
    const tenant = pipeline.tenant(restaurant);
    while (next < options.messages) {
      next += 1;
      const n = next;
      const body = { phoneNumber: customer(number), text: orderText(n), conversationId: conversation };
      for (;;) {
        const answer = await call(pipeline, tenant.apiKey, 'POST', '/api/whatsapp/send', body, {
          'idempotency-key': `chaos-${n}`,
        }).catch(() => undefined);
        if (answer?.status === 202) {
          posted.push({
            id: answer.body['id'] as string,
            restaurantId: restaurant,
            conversation,
            priority: 5,
          });
          break;
        }
        if (answer && answer.status !== 503 && answer.status !== 429)
          throw new Error(`POST was answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
        refused += 1;
        await new Promise((again) => setTimeout(again, 200));
      }
    }
  };
  const lanes = pipeline.tenants.flatMap(({ restaurantId }, t) =>
    Array.from({ length: options.lanesPerTenant }, (_, c) => lane(restaurantId, `table-${c}`, t * 100 + c)),
  );
  return {
    posted,
    get refused() {
      return refused;
    },
    done: Promise.all(lanes).then(() => undefined),
  };
}
