import { isStorable } from '@mersal/contracts';

/** At most so many units of it, with a sign in place of what can't be stored. */
export function storable(text: string, most: number): string {
  if (text.length <= most && isStorable(text)) return text;
  return text.slice(0, most).toWellFormed().replaceAll('\0', '\ufffd');
}
