// Rounds as Python does.

// The nearest integer; of two that are equally near, the even one.
export function roundHalfEven(x) {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x) + 0; // + 0 turns -0 into 0
  return below % 2 === 0 ? below : below + 1;
}

// `digits` decimals, by the exact value of x. Only odd multiples of 2 ** -(digits + 1) lie between two results.
export function roundTo(x, digits) {
  const doubled = x * 2 ** (digits + 1);
  if (Number.isInteger(doubled) && doubled % 2 !== 0) return roundHalfEven(x * 10 ** digits) / 10 ** digits;
  return Number(x.toFixed(digits));
}

export const clip = (x, low, high) => Math.min(Math.max(x, low), high);

export const sigmoid = (x) => 1 / (1 + Math.exp(-x));
