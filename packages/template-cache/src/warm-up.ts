import { reasonOf } from './logger.js';
import type { TemplateCreator } from './template-creator.js';
import type { TemplateOptions } from './template-cache.js';

export interface TemplateToWarm {
  readonly key: string;
  readonly creator: TemplateCreator;
  readonly options?: TemplateOptions;
}

export interface Warmed {
  readonly key: string;
  /** Undefined where it failed. */
  readonly sid?: string;
  readonly error?: unknown;
}

export interface WarmUpProgress extends Warmed {
  readonly done: number;
  readonly total: number;
  /** Why it failed, in words. */
  readonly reason?: string;
}

export interface WarmUpOptions {
  /** At a time: 1 to 50, default 4. */
  readonly concurrency?: number;
  readonly onProgress?: (progress: WarmUpProgress) => void;
}

export async function warmUp(
  templates: readonly TemplateToWarm[],
  { concurrency = 4, onProgress }: WarmUpOptions,
  get: (template: TemplateToWarm) => Promise<string>,
): Promise<Warmed[]> {
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 50)
    throw new RangeError('concurrency is a whole number from 1 to 50');
  const results: Warmed[] = [];
  const total = templates.length;
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let n = next++; n < total; n = next++) {
      const template = templates[n] as TemplateToWarm;
      const { key } = template;
      let warmed: Warmed;
      try {
        warmed = { key, sid: await get(template) };
      } catch (error) {
        warmed = { key, error };
      }
      results[n] = warmed;
      done += 1;
      onProgress?.({
        ...warmed,
        done,
        total,
        ...(warmed.sid === undefined ? { reason: reasonOf(warmed.error) } : {}),
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, total) }, work));
  return results;
}
