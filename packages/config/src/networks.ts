import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';

/** Addresses and networks in CIDR form, comma-separated; not set: none. Every one that is wrong is named. */
export const networks = z
  .string()
  .optional()
  .transform((text) => (text === undefined ? [] : text.split(',').map((part) => part.trim())))
  .check((context) => {
    const wrong = context.value.filter((text) => !isNetwork(text));
    if (wrong.length === 0) return;
    const named = wrong.map((text) => JSON.stringify(text.slice(0, 60))).join(', ');
    context.issues.push({
      code: 'custom',
      input: context.value,
      message: `must be addresses or networks, such as 10.0.0.7 or 10.1.0.0/16, which ${named} ${wrong.length === 1 ? 'is' : 'are'} not`,
    });
  });

/**
 * `/0` is none: it would hold everybody. Nor is an IPv4 address that is written as IPv6: the connection's own is compared as IPv4.
 */
function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const most = isIPv4(address) ? 32 : isIPv6(address) && /^[\da-f:]+$/i.test(address) ? 128 : 0;
  if (most === 0 || more.length > 0) return false;
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= most);
}
