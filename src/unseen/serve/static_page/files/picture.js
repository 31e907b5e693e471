// Decodes a file with the browser to an upright sRGB picture, and tests whether the browser returns true pixels.

import { formatOf, framesOf, hasProfile, withoutOrientation } from "./formats.js";
import { Failed } from "./failed.js";
import { sha256 } from "./sha256.js";

const STRIP = 2 ** 22; // pixels that are read at a time

// The pixels of a bitmap on white, as RGB.
function read(bitmap) {
  const { width, height } = bitmap;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, Math.min(height, Math.max(1, Math.floor(STRIP / width)))];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Failed(422, "too_large", `${width}x${height} is too large for this browser`);
  context.fillStyle = "white";
  const data = new Uint8Array(3 * width * height);
  for (let top = 0; top < height; top += canvas.height) {
    const rows = Math.min(canvas.height, height - top);
    context.fillRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, top, width, rows, 0, 0, width, rows);
    const found = context.getImageData(0, 0, width, rows).data;
    for (let i = 0, to = 3 * top * width; i < found.length; i += 4, to += 3) {
      data[to] = found[i];
      data[to + 1] = found[i + 1];
      data[to + 2] = found[i + 2];
    }
  }
  return { width, height, data };
}

// An upright picture, given its EXIF orientation.
export function upright(picture, orientation) {
  if (orientation === 1) return picture;
  const { width, height } = picture;
  const size = orientation > 4 ? [height, width] : [width, height];
  const mirrored = [2, 3, 6, 7].includes(orientation), flipped = [3, 4, 7, 8].includes(orientation);
  const data = new Uint8Array(picture.data.length);
  for (let y = 0, to = 0; y < size[1]; y += 1) {
    for (let x = 0; x < size[0]; x += 1, to += 3) {
      const across = mirrored ? size[0] - 1 - x : x, down = flipped ? size[1] - 1 - y : y;
      const from = 3 * (orientation > 4 ? across * width + down : down * width + across);
      data[to] = picture.data[from];
      data[to + 1] = picture.data[from + 1];
      data[to + 2] = picture.data[from + 2];
    }
  }
  return { width: size[0], height: size[1], data };
}

// Raises Failed with the reasons of unseen.faces.decode.
export async function decode(bytes, mostPixels) {
  if (!bytes.length) throw new Failed(422, "empty", "the file has no bytes");
  const { name, unsupported } = formatOf(bytes);
  if (!name) throw new Failed(415, "not_an_image", "no known image format");
  if (unsupported) throw new Failed(415, "unsupported_format", `${name} is not supported by this page; convert it to PNG`);
  const frames = framesOf(bytes, name);
  if (frames > 1) throw new Failed(422, "animated", "the picture is animated; give one of its frames as a picture");
  // Python ignores all colour information except a profile, so that of PNG's gAMA and cHRM must not be applied.
  const colorSpaceConversion = hasProfile(bytes, name) ? "default" : "none";
  const turned = name === "WebP" ? withoutOrientation(bytes) : { bytes, orientation: 1 };
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([turned.bytes]), { colorSpaceConversion });
  } catch {
    throw new Failed(422, "damaged", `this browser cannot decode the file (${name})`);
  }
  try {
    const { width, height } = bitmap;
    if (width * height > mostPixels) throw new Failed(422, "too_large", `${width}x${height} is above ${mostPixels} pixels`);
    return upright(read(bitmap), turned.orientation);
  } finally {
    bitmap.close();
  }
}

const probe = async (address) => {
  const bytes = new Uint8Array(await (await fetch(address)).arrayBuffer());
  return sha256((await decode(bytes, 2 ** 24)).data);
};

// Whether two files with known pixels are decoded as in Python. `png` is false if the browser changes pixels on purpose.
export async function selfTest(expected) {
  const found = {};
  for (const [kind, digest] of Object.entries(expected)) {
    found[kind] = (await probe(`files/probe.${kind}`).catch(() => "")) === digest;
  }
  return found;
}
