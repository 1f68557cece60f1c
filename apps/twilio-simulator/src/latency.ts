import { z } from 'zod';

const ms = z.number().min(0).max(600_000);

/** How long an answer takes, in ms. */
export const latencySchema = z.discriminatedUnion('distribution', [
  z.strictObject({ distribution: z.literal('fixed'), ms }),
  z.strictObject({ distribution: z.literal('uniform'), minMs: ms, maxMs: ms }),
  z.strictObject({
    distribution: z.literal('lognormal'),
    medianMs: ms.min(0.001),
    /** Standard deviation of the logarithm; 0.5 is mild, 1 has a heavy tail. */
    sigma: z.number().min(0).max(3),
    maxMs: ms.default(60_000),
  }),
]);

export type Latency = z.infer<typeof latencySchema>;

export function sampleLatency(latency: Latency, random: () => number): number {
  switch (latency.distribution) {
    case 'fixed':
      return latency.ms;
    case 'uniform':
      return latency.minMs + random() * Math.max(0, latency.maxMs - latency.minMs);
    case 'lognormal': {
      // Box-Muller; 1 - random() keeps the logarithm finite
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      return Math.min(latency.maxMs, latency.medianMs * Math.exp(latency.sigma * normal));
    }
    default:
      return latency satisfies never;
  }
}
