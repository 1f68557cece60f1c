import type { Statement } from '../database.js';

/** How many messages are in each stored state: the sum of what every statement that changed messages has added (migration 0023). */
export const TALLY = 'select state, sum(n)::int as n from message_tally group by state';

/** Puts the rows of the tally together. Answers with how many they were. */
export function foldTally(): Statement {
  return { name: 'fold-tally', text: 'select fold_tally() as n', values: [] };
}
