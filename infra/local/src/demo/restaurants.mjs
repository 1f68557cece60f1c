/**
 * @typedef {object} Restaurant
 * @property {string} restaurantId
 * @property {string} name
 * @property {string} city
 * @property {'ar' | 'en'} language
 * @property {string} fromNumber `whatsapp:+…`
 * @property {(customer: number) => string} customer the E.164 number of its n-th customer
 */

/** Numbers that each country's numbering plan accepts; the digits are made up.
 * @param {string} prefix @param {number} digits */
const numbers = (prefix, digits) => (/** @type {number} */ n) =>
  `${prefix}${String(n % 10 ** digits).padStart(digits, '0')}`;

const countries = {
  saudi: numbers('+96650', 7),
  emirates: numbers('+97150', 7),
  egypt: numbers('+2010', 8),
  britain: numbers('+447400', 6),
};

/** @type {[name: string, city: string, language: 'ar' | 'en', country: keyof typeof countries][]} */
const HOUSES = [
  ['مطعم الريف', 'Riyadh', 'ar', 'saudi'],
  ['Najd Village', 'Riyadh', 'ar', 'saudi'],
  ['بيت الشاورما', 'Jeddah', 'ar', 'saudi'],
  ['Corniche Grill', 'Jeddah', 'en', 'saudi'],
  ['Marina Biryani', 'Dubai', 'en', 'emirates'],
  ['فطائر الميناء', 'Dubai', 'ar', 'emirates'],
  ['Karak & Co.', 'Abu Dhabi', 'en', 'emirates'],
  ['كشري التحرير', 'Cairo', 'ar', 'egypt'],
  ['مشويات النيل', 'Cairo', 'ar', 'egypt'],
  ['Alexandria Fish House', 'Alexandria', 'en', 'egypt'],
  ['Brick Lane Curry', 'London', 'en', 'britain'],
  ['Edgware Falafel', 'London', 'en', 'britain'],
];

/**
 * The first `count` demo restaurants; beyond a dozen they are branches of those.
 * @param {number} count
 * @returns {Restaurant[]}
 */
export function restaurants(count) {
  return Array.from({ length: count }, (_, index) => {
    const [name, city, language, country] = /** @type {(typeof HOUSES)[number]} */ (
      HOUSES[index % HOUSES.length]
    );
    const branch = Math.floor(index / HOUSES.length) + 1;
    return {
      restaurantId: `r${index + 1}`,
      name: branch === 1 ? name : `${name} ${branch}`,
      city,
      language,
      fromNumber: `whatsapp:+1415523${String(1_000 + index).padStart(4, '0')}`,
      customer: (customer) => countries[country](1_000_000 + index * 1_000 + customer),
    };
  });
}
