import { isValidPhoneNumber } from 'libphonenumber-js/max';
import { expect, test } from 'vitest';

import { orders, SENDS_A_RESTAURANT } from '../src/demo/orders.mjs';
import { restaurants } from '../src/demo/restaurants.mjs';
import { renderTable } from '../src/demo/table.mjs';

test('every number is one that its country could give out', () => {
  for (const restaurant of restaurants(30)) {
    expect(isValidPhoneNumber(restaurant.fromNumber.replace('whatsapp:', '')), restaurant.fromNumber).toBe(
      true,
    );
    for (const { phoneNumber } of orders(restaurant, 'x'))
      expect(isValidPhoneNumber(phoneNumber), phoneNumber).toBe(true);
  }
});

test('no two restaurants share an id, a number or a name', () => {
  const all = restaurants(30);
  for (const key of ['restaurantId', 'fromNumber', 'name'] as const)
    expect(new Set(all.map((restaurant) => restaurant[key])).size).toBe(30);
});

test('a restaurant sends twenty messages in five conversations, in its language', () => {
  const [arabic, , , english] = restaurants(4);
  if (!arabic || !english) throw new Error('four restaurants');
  const sends = orders(arabic, 'x');
  expect(sends).toHaveLength(SENDS_A_RESTAURANT);
  expect(new Set(sends.map(({ conversationId }) => conversationId)).size).toBe(5);
  expect(
    sends.every(({ text }) => /\p{Script=Arabic}/u.test(text) && /\p{Extended_Pictographic}/u.test(text)),
  ).toBe(true);
  expect(orders(english, 'x').every(({ text }) => /[a-z]/.test(text))).toBe(true);
});

test('the table adds up', () => {
  const row = { name: 'A', total: 3, accepted: 3, sent: 2, delivered: 1, failed: 1 };
  const lines = renderTable([row, { ...row, name: 'مطعم' }], 12.34);
  expect(lines.at(-1)).toMatch(/^all, 12\.3 sent a second +6 +4 +2 +2$/);
});
