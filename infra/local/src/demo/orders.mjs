/** @typedef {import('./restaurants.mjs').Restaurant} Restaurant */
/** @typedef {{ phoneNumber: string, text: string, conversationId: string, priority: number }} Send */

export const SENDS_A_RESTAURANT = 20;
const CUSTOMERS = 5;

/** The life of an order as its customer reads it, and an offer that can wait. */
const STEPS = {
  ar: [
    {
      priority: 5,
      text: (/** @type {Order} */ o) =>
        `مرحباً ${o.customer} 👋 استلمنا طلبك رقم ${o.number} من ${o.house} ✅`,
    },
    { priority: 5, text: (/** @type {Order} */ o) => `طلبك ${o.number} جاهز الآن 🍽️ بالعافية!` },
    {
      priority: 8,
      text: (/** @type {Order} */ o) =>
        `السائق في الطريق إليك 🛵 طلب ${o.number}، يصل خلال ${o.minutes} دقيقة`,
    },
    { priority: 1, text: (/** @type {Order} */ o) => `🎉 خصم ٢٠٪ على طلبك القادم من ${o.house} هذا الأسبوع` },
  ],
  en: [
    {
      priority: 5,
      text: (/** @type {Order} */ o) => `Hi ${o.customer} 👋 ${o.house} has your order #${o.number} ✅`,
    },
    { priority: 5, text: (/** @type {Order} */ o) => `Order #${o.number} is ready 🍽️ Enjoy!` },
    {
      priority: 8,
      text: (/** @type {Order} */ o) =>
        `Your driver is on the way 🛵 order #${o.number}, about ${o.minutes} minutes`,
    },
    { priority: 1, text: (/** @type {Order} */ o) => `🎉 20% off your next order at ${o.house} this week` },
  ],
};
const NAMES = {
  ar: ['نورة', 'خالد', 'سارة', 'فهد', 'ليلى'],
  en: ['Noura', 'Omar', 'Sara', 'James', 'Layla'],
};

/** @typedef {{ customer: string, number: number, house: string, minutes: number }} Order */

/**
 * Twenty sends of a restaurant: five customers, each with a conversation of four messages, in the order that they are to
 * be posted in.
 * @param {Restaurant} restaurant
 * @param {string} run sets this run's conversations apart from an earlier one's
 * @returns {Send[]}
 */
export function orders(restaurant, run) {
  const steps = STEPS[restaurant.language];
  return steps.flatMap((step) =>
    Array.from({ length: CUSTOMERS }, (_, customer) => ({
      phoneNumber: restaurant.customer(customer),
      text: step.text({
        customer: /** @type {string} */ (NAMES[restaurant.language][customer]),
        number: 1_040 + customer * 7,
        house: restaurant.name,
        minutes: 10 + customer * 5,
      }),
      conversationId: `order-${run}-${customer + 1}`,
      priority: step.priority,
    })),
  );
}
