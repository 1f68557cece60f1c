import { drainStage } from '../drain.js';
import type { BenchContext, Part, Row } from '../part.js';
import { median, spread } from '../spread.js';

const LEAST = 0.8;
/** Equal on both sides; so is the number of conversations. */
const CONVERSATIONS = 10_000;
const SLOTS = { TENANT_CONCURRENCY: '20' };

async function run(context: BenchContext): Promise<Row[]> {
  const messages = context.quick ? 10_000 : 30_000;
  const measure = async (tenants: number): Promise<number> => {
    const result = await drainStage(context, {
      tenants,
      conversationsEach: CONVERSATIONS / tenants,
      warmUp: CONVERSATIONS,
      messages,
      env: SLOTS,
    });
    return result.perSecond;
  };
  const few: number[] = [];
  const many: number[] = [];
  for (let round = 0; round < (context.quick ? 1 : 3); round += 1) {
    few.push(await measure(10));
    many.push(await measure(10_000));
  }
  const ratio = median(many) / median(few);
  return [
    {
      what: `10,000 tenants against 10 (${spread(few)}/s)`,
      target: `≥ ${LEAST} ×`,
      measured: `${spread(many)}/s`,
      ratio,
      met: ratio >= LEAST,
    },
  ];
}

export const manyTenants: Part = { name: 'many-tenants', text: 'throughput over many restaurants', run };
