// Pillow's `Image.resize` for RGB, exact to the byte: antialiased, in two passes with integer weights of 22 bits.
// A picture is {width, height, data}, with `data` a Uint8Array of RGB triples, row by row.

const BITS = 22;

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

export const BILINEAR = { reach: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };
export const LANCZOS = { reach: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) };

// For each output pixel of one axis: its first input pixel, and its weights.
function taps(filter, before, start, end, after) {
  const scale = Math.fround(end - start) / after;
  const stretch = Math.max(scale, 1);
  const reach = filter.reach * stretch;
  return Array.from({ length: after }, (_, i) => {
    const centre = start + (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const last = Math.min(before, Math.trunc(centre + reach + 0.5));
    const found = Array.from({ length: last - first }, (_, k) => filter.weight((k + first - centre + 0.5) * (1 / stretch)));
    const sum = found.reduce((a, b) => a + b, 0);
    const whole = (w) => Math.trunc((w < 0 ? -0.5 : 0.5) + w * 2 ** BITS);
    return { first, weights: Int32Array.from(found, (w) => whole(sum === 0 ? w : w / sum)) };
  });
}

const HALF = 1 << (BITS - 1);
const clipped = (sum) => { const value = sum >> BITS; return value < 0 ? 0 : value > 255 ? 255 : value; };

// Applies `along` to the pixels of a row or column; `at` has the offset of each input pixel, `to` the step of the output.
function pass(from, offset, at, along, into, start, to) {
  let place = start;
  for (const { first, weights } of along) {
    let r = HALF, g = HALF, b = HALF;
    for (let k = 0; k < weights.length; k += 1) {
      const pixel = offset + at[first + k], weight = weights[k];
      r += from[pixel] * weight;
      g += from[pixel + 1] * weight;
      b += from[pixel + 2] * weight;
    }
    into[place] = clipped(r);
    into[place + 1] = clipped(g);
    into[place + 2] = clipped(b);
    place += to;
  }
}

// Resizes the part `box` [left, top, right, bottom] of a picture. With `pad`, the picture is first extended by so many
// pixels on each side by repeating its edge, and the box lies in the extended picture.
export function resize(picture, width, height, filter, box = null, pad = 0) {
  const before = [picture.width + 2 * pad, picture.height + 2 * pad];
  const [left, top, right, bottom] = (box ?? [0, 0, ...before]).map(Math.fround); // Pillow has them in single precision
  const place = (i, length) => Math.min(Math.max(i - pad, 0), length - 1);
  const columns = Int32Array.from({ length: before[0] }, (_, x) => 3 * place(x, picture.width));
  const rows = Int32Array.from({ length: before[1] }, (_, y) => 3 * picture.width * place(y, picture.height));
  const across = taps(filter, before[0], left, right, width);
  const down = taps(filter, before[1], top, bottom, height);
  const data = new Uint8Array(3 * width * height);
  // Each pass rounds, so their order matters. Pillow 13 takes rows first under this condition, and columns first otherwise.
  if (before[1] > height && before[1] - height > 2 * (before[0] - width)) {
    const tall = new Uint8Array(3 * before[0] * height);
    for (let x = 0; x < before[0]; x += 1) pass(picture.data, columns[x], rows, down, tall, 3 * x, 3 * before[0]);
    const steps = columns.map((_, x) => 3 * x);
    for (let y = 0; y < height; y += 1) pass(tall, 3 * before[0] * y, steps, across, data, 3 * width * y, 3);
  } else {
    const from = down[0].first, until = down.at(-1).first + down.at(-1).weights.length;
    const wide = new Uint8Array(3 * width * (until - from));
    for (let y = from; y < until; y += 1) pass(picture.data, rows[y], columns, across, wide, 3 * width * (y - from), 3);
    const steps = rows.map((_, y) => 3 * width * (y - from));
    for (let x = 0; x < width; x += 1) pass(wide, 3 * x, steps, down, data, 3 * x, 3 * width);
  }
  return { width, height, data };
}
