// The crop of a face as a detector was trained on it: cut, resized once and compressed once, as in unseen.faces.

import { compressed } from "./jpeg.js";
import { LANCZOS, resize } from "./resize.js";
import { digest } from "./sha256.js";

const MULTIPLE = 8; // native sides are multiples of this
export const CENTRE = 0.35;

// Not Math.hypot, which is off by more than one bit in some browsers.
export const length = (x, y) => Math.sqrt(x * x + y * y);

export function middles([[lx, ly], [rx, ry], , [mlx, mly], [mrx, mry]]) {
  const eyes = [(lx + rx) / 2, (ly + ry) / 2];
  return { eyes, down: [(mlx + mrx) / 2 - eyes[0], (mly + mry) / 2 - eyes[1]] };
}

// Centre x, centre y and side of the square around a face, in pixels.
export function squareAround(landmarks, scale, centre = CENTRE) {
  const { eyes, down } = middles(landmarks);
  const [left, right] = landmarks;
  const side = scale * Math.max(2 * length(right[0] - left[0], right[1] - left[1]), 1.8 * length(...down));
  return [eyes[0] + centre * down[0], eyes[1] + centre * down[1], side];
}

// The square around (x, y) at the nearest whole pixels; no pixel changes.
export function cut(picture, x, y, side) {
  const [left, top] = [x, y].map((middle) => Math.floor(middle - side / 2 + 0.5));
  const data = new Uint8Array(3 * side * side);
  for (let row = 0; row < side; row += 1) {
    for (let column = 0; column < side; column += 1) {
      const from = [[left + column, picture.width], [top + row, picture.height]].map(([i, most]) => Math.min(Math.max(i, 0), most - 1));
      const pixel = 3 * (from[1] * picture.width + from[0]);
      data.set(picture.data.subarray(pixel, pixel + 3), 3 * (row * side + column));
    }
  }
  return { width: side, height: side, data };
}

// The square around (x, y), resized once to `size` pixels.
export function resizedSquare(picture, x, y, side, size) {
  const [left, top] = [x - side / 2, y - side / 2];
  const pad = Math.ceil(Math.max(0, -left, -top, left + side - picture.width, top + side - picture.height));
  const [a, b] = [left + pad, top + pad];
  const box = [a, b, Math.min(a + side, picture.width + 2 * pad), Math.min(b + side, picture.height + 2 * pad)];
  return resize(picture, size, size, LANCZOS, box, pad);
}

// The JPEG quality of a file's crops, which depends on its SHA-256 (hex digits) and the seed of the preprocessing.
export function qualityOf(sha256, seed, { low, high }) {
  const found = digest(new TextEncoder().encode(`quality\x1f${seed}\x1f${sha256}`));
  const unit = Number(new DataView(found.buffer).getBigUint64(0) >> 11n) / 2 ** 53;
  return low + Math.trunc(unit * (high - low + 1));
}

// The crop of a face, or a text that says why there is none. `settings` are `faces` in detector.json.
export function cropOf(picture, face, settings, quality) {
  const [x, y, side] = squareAround(face.landmarks, settings.scale, settings.centre);
  if (!(side >= settings.min_crop)) return `the face's crop is ${(Math.floor(side * 10) / 10).toFixed(1)} px, below ${settings.min_crop}`;
  const own = MULTIPLE * Math.floor(side / MULTIPLE + 0.5);
  const whole = settings.native && own <= settings.side;
  return compressed(whole ? cut(picture, x, y, own) : resizedSquare(picture, x, y, side, settings.side), quality);
}
