import { parsePhoneNumberFromString } from 'libphonenumber-js/max';

const E164 = /^\+[1-9][0-9]{6,14}$/;

const PREFIX = 'whatsapp:';

/**
 * `+14155238886` or `whatsapp:+14155238886` as an address of WhatsApp, by its form alone: enough for the restaurants' own numbers,
 * which are known one by one.
 */
export function whatsappAddress(text: string): string | undefined {
  const number = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text;
  return E164.test(number) ? `${PREFIX}${number}` : undefined;
}

/**
 * `+966500000000` or `whatsapp:+966500000000` as an address of WhatsApp, or undefined when it is no phone number.
 *
 * The country must exist and the number have one of its lengths. Ranges that the numbering plans at hand do not know are let
 * through: countries open new ones all the time, and Twilio answers for those that do not exist.
 */
export function recipientAddress(text: string): string | undefined {
  const address = whatsappAddress(text);
  if (address === undefined) return undefined;
  const number = address.slice(PREFIX.length);
  const parsed = parsePhoneNumberFromString(number);
  if (parsed === undefined) return undefined;
  const plausible = parsed.isValid() || (parsed.isPossible() && !parsed.nationalNumber.startsWith('0'));
  return plausible ? address : undefined;
}
