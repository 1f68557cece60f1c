/** Realistic order messages; `n` makes each one different. */
export function orderText(n: number): string {
  const texts = [
    `طلبك رقم ${1000 + n} جاهز للاستلام 🥙`,
    `Order #${1000 + n} is on its way 🛵`,
    `تم تأكيد طلبك رقم ${1000 + n} ✅ وقت التحضير ٢٠ دقيقة`,
    `Your order ${1000 + n} is ready for pick-up 🍔`,
    `السائق أمام الباب 🚗 طلب ${1000 + n}`,
  ];
  return texts[n % texts.length] as string;
}

/** A customer's number, the same for the same `n`. */
export function customer(n: number): string {
  return `+96650${String(1_000_000 + n).padStart(7, '0')}`;
}
