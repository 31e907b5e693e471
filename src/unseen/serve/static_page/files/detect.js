// Decodes the maps of the face detector to faces, as unseen.faces.detect does.

import { roundHalfEven, roundTo } from "./numbers.js";

const STRIDE = 4; // input pixels per cell of the maps
const GRID = 32; // the sides of the input are multiples of this
const PIXEL_GRID = 0.5; // boxes and landmarks are multiples of this, in pixels of the input
const OVERLAP = 0.3; // boxes with a larger intersection over union are the same face

// Width and height of the network's input for a picture whose long side becomes `wanted` pixels.
export function inputSides({ width, height }, wanted) {
  const side = (length) => Math.max(1, roundHalfEven((length * wanted) / Math.max(width, height) / GRID)) * GRID;
  return [side(width), side(height)];
}

// The input sides to try, one after the other, until a face is found.
export function attempts(picture, { side_low: low, side_high: high }) {
  const longest = Math.max(picture.width, picture.height);
  const [first, second] = [Math.min(Math.max(longest, low), high), low].map((wanted) => inputSides(picture, wanted));
  return first.join() === second.join() ? [first] : [first, second];
}

export function overlap(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  return (width * height) / (area(a) + area(b) - width * height);
}

// The faces {box, landmarks, score}, best score first, in pixels of a picture. `maps` has the outputs of the network:
// scores, log sizes, offsets and landmarks, each {dims, data}. `minScore` is excluded.
export function decodeFaces(maps, picture, [width, height], minScore) {
  const [heat, sizes, offsets, points] = maps.map((map) => map.data);
  const columns = maps[0].dims[3], cells = columns * maps[0].dims[2];
  const across = picture.width / width, down = picture.height / height;
  const place = (value, zoom) => roundHalfEven(value / PIXEL_GRID) * PIXEL_GRID * zoom;
  const found = [];
  for (let cell = 0; cell < cells; cell += 1) {
    if (!(heat[cell] > Math.fround(minScore))) continue;
    const [x, y] = [cell % columns, Math.floor(cell / columns)];
    const [tall, wide] = [0, 1].map((i) => Math.exp(sizes[i * cells + cell]) * STRIDE);
    const left = (x + offsets[cells + cell] + 0.5) * STRIDE - wide / 2;
    const top = (y + offsets[cell] + 0.5) * STRIDE - tall / 2;
    found.push({
      box: [place(left, across), place(top, down), place(left + wide, across), place(top + tall, down)],
      landmarks: [0, 1, 2, 3, 4].map((i) => [
        place(points[(2 * i + 1) * cells + cell] * wide + left, across),
        place(points[2 * i * cells + cell] * tall + top, down),
      ]),
      score: roundTo(heat[cell], 3),
    });
  }
  const kept = [];
  for (const face of found.sort((a, b) => b.score - a.score)) {
    if (kept.every((other) => overlap(face.box, other.box) <= OVERLAP)) kept.push(face);
  }
  return kept;
}
