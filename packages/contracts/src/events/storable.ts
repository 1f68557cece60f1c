/** Postgres holds no NUL, and half a character becomes another one on its way through UTF-8: two keys would be one there. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
