// The statistics of a face and their limits, as in unseen.gate.

import { length, middles, squareAround } from "./crop.js";
import { roundTo } from "./numbers.js";

const BLOCK = 8;

// Mean absolute difference between values at a distance, over both directions.
function steps(luma, side, distance) {
  let across = 0, down = 0;
  for (let y = 0; y < side; y += 1) {
    for (let x = distance; x < side; x += 1) {
      across += Math.abs(luma[y * side + x] - luma[y * side + x - distance]);
      down += Math.abs(luma[x * side + y] - luma[(x - distance) * side + y]);
    }
  }
  const count = side * (side - distance);
  return (across / count + down / count) / 2;
}

// Mean difference across the borders of JPEG blocks minus that of its two neighbours, along rows or columns.
function atBorders(luma, side, row, column) {
  const step = (y, x) => Math.abs(luma[y * row + (x + 1) * column] - luma[y * row + x * column]);
  let sum = 0, count = 0;
  for (let y = 0; y < side; y += 1) {
    for (let x = BLOCK - 1; x < side - 2; x += BLOCK, count += 1) sum += 2 * step(y, x) - step(y, x - 1) - step(y, x + 1);
  }
  return sum / count / 2;
}

export function qualityOf(crop) {
  const side = crop.width;
  const luma = new Int32Array(side * side);
  luma.forEach((_, i) => { luma[i] = 299 * crop.data[3 * i] + 587 * crop.data[3 * i + 1] + 114 * crop.data[3 * i + 2]; });
  const [one, two] = [1, 2].map((distance) => steps(luma, side, distance));
  if (!one || !two) return { sharpness: 0, blockiness: 0 };
  const borders = (atBorders(luma, side, side, 1) + atBorders(luma, side, 1, side)) / 2;
  return { sharpness: roundTo(one / two, 4), blockiness: roundTo(borders / one, 4) };
}

export function turnOf(landmarks) {
  const { eyes, down } = middles(landmarks);
  const long = length(...down);
  if (!long) return Infinity;
  const [x, y] = [landmarks[2][0] - eyes[0], landmarks[2][1] - eyes[1]];
  return roundTo(Math.abs(x * down[1] - y * down[0]) / long ** 2, 3);
}

// The code of the first limit that a face violates; "" if it violates none. `limits` is the content of gate.json or null.
export function outside(face, crop, limits, scale) {
  if (!limits) return "";
  if (roundTo(squareAround(face.landmarks, scale)[2], 1) < limits.side) return "small_face";
  const { sharpness, blockiness } = qualityOf(crop);
  if (sharpness < limits.sharpness || blockiness > limits.blockiness) return "degraded";
  return turnOf(face.landmarks) > limits.turn ? "profile" : "";
}
