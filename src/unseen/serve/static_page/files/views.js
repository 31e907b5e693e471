// The views of a crop that a network gets, as in unseen.serve.onnx.views.

import { compressed } from "./jpeg.js";
import { clip, roundHalfEven } from "./numbers.js";

const PLACES = [[0.5, 0.5], [0, 0], [1, 0], [0, 1], [1, 1]];

// The weights of PyTorch's antialiased bilinear resize of one axis: for each result, the first pixel and its weights.
function weightsOf(before, after) {
  const scale = before / after, reach = Math.max(scale, 1);
  return Array.from({ length: after }, (_, row) => {
    const centre = scale * (row + 0.5);
    const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const last = Math.min(Math.trunc(centre + reach + 0.5), before);
    const found = Array.from({ length: last - first }, (_, k) => Math.max(0, 1 - Math.abs((first + k - centre + 0.5) / reach)));
    const sum = found.reduce((a, b) => a + b, 0);
    return { first, weights: found.map((weight) => Math.fround(weight / sum)) };
  });
}

export function resized(crop, side) {
  if (crop.width === side) return crop;
  const axis = weightsOf(crop.width, side);
  const tall = new Float32Array(3 * crop.width * side);
  axis.forEach(({ first, weights }, row) => {
    for (let i = 0; i < 3 * crop.width; i += 1) {
      tall[3 * crop.width * row + i] = weights.reduce((sum, weight, k) => sum + weight * crop.data[3 * crop.width * (first + k) + i], 0);
    }
  });
  const data = new Uint8Array(3 * side * side);
  for (let row = 0; row < side; row += 1) {
    axis.forEach(({ first, weights }, column) => {
      for (let c = 0; c < 3; c += 1) {
        const sum = weights.reduce((all, weight, k) => all + weight * tall[3 * (crop.width * row + first + k) + c], 0);
        data[3 * (side * row + column) + c] = clip(roundHalfEven(sum), 0, 255);
      }
    });
  }
  return { width: side, height: side, data };
}

// A square of the crop, whose pixels are repeated to the right and down if it is too small.
export function cropped(crop, side, across, down) {
  const room = Math.ceil(side / crop.width) * crop.width - side;
  const [left, top] = [across, down].map((share) => roundHalfEven(share * room));
  const data = new Uint8Array(3 * side * side);
  for (let row = 0; row < side; row += 1) {
    for (let column = 0; column < side; column += 1) {
      const pixel = 3 * (((top + row) % crop.width) * crop.width + ((left + column) % crop.width));
      data.set(crop.data.subarray(pixel, pixel + 3), 3 * (side * row + column));
    }
  }
  return { width: side, height: side, data };
}

export function errorLevels(crop, { quality, scale }) {
  const again = compressed(crop, quality).data;
  const data = crop.data.map((value, i) => clip(roundHalfEven(Math.fround(Math.abs(value - again[i]) * scale)), 0, 255));
  return { ...crop, data };
}

export function viewsOf(crop, { kind, side, views }, ela) {
  let seen = [crop];
  if (kind === "crop") seen = PLACES.slice(0, views).map((place) => cropped(crop, side, ...place));
  else if (kind === "resize") seen = [resized(crop, side)];
  return ela ? seen.map((one) => errorLevels(one, ela)) : seen;
}
