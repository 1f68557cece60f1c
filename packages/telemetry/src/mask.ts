/** `+966500000123` → `+9665…23`: enough to recognise a number that one knows, too little to learn one. */
export function maskPhone(address: string): string {
  return address.replace(/\+?\d{6,}/g, (digits) => `${digits.slice(0, 5)}…${digits.slice(-2)}`);
}

/** An error's message without what it might quote: bearer and basic tokens, URLs' userinfo, API keys, long digit runs. */
export function maskText(text: string): string {
  // Numbers last: shortened digits inside a key would hide its end from the key's own rule.
  return maskPhone(
    text
      .replace(/\b(Bearer|Basic)\s+\S+/gi, '$1 …')
      .replace(/:\/\/[^/@\s]+@/g, '://…@')
      .replace(/\bmk_[A-Za-z0-9_-]{8,}/g, 'mk_…'),
  );
}
