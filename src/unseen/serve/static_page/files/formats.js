// What a file is, by its bytes: format, colour profile, and number of frames.

const ascii = (bytes, start, length) => String.fromCharCode(...bytes.subarray(start, start + length));
const number = (bytes, start, size, little) => {
  const found = [...bytes.subarray(start, start + size)];
  return (little ? found.reverse() : found).reduce((sum, byte) => 256 * sum + byte, 0);
};

const BRANDS = /avif|avis|hei[cmsx]|hev[cx]|mif1|msf1/;
const UNSUPPORTED = [[/^(II[*+]\0|MM\0[*+])/, "TIFF"], [/^P[1-7]\s/, "PPM"], [/^\xff\n|^\0\0\0\fJXL /, "JPEG XL"], [/^\xff\x4f\xff\x51|^\0\0\0\fjP {2}/, "JPEG 2000"]];

// The format of a file; "" if it is unknown. `unsupported` is true if no browser can read it.
export function formatOf(bytes) {
  const start = ascii(bytes, 0, 16);
  const other = UNSUPPORTED.find(([pattern]) => pattern.test(start));
  if (other) return { name: other[1], unsupported: true };
  if (start.startsWith("\xff\xd8\xff")) return { name: "JPEG" };
  if (start.startsWith("\x89PNG\r\n\x1a\n")) return { name: "PNG" };
  if (/^RIFF....WEBP/s.test(start)) return { name: "WebP" };
  if (/^GIF8[79]a/.test(start)) return { name: "GIF" };
  if (start.startsWith("BM")) return { name: "BMP" };
  if (start.slice(4, 8) === "ftyp" && BRANDS.test(ascii(bytes, 8, 56))) return { name: "AVIF or HEIC" };
  return { name: "" };
}

function* segments(bytes) {
  for (let place = 2; place + 4 <= bytes.length && bytes[place] === 0xff;) {
    const marker = bytes[place + 1];
    if (marker === 0xd9 || marker === 0xda) return;
    const length = number(bytes, place + 2, 2);
    yield { kind: marker, start: place + 4 };
    place += 2 + length;
  }
}

function* chunks(bytes) {
  for (let place = 8; place + 8 <= bytes.length;) {
    yield { kind: ascii(bytes, place + 4, 4), start: place + 8 };
    place += 12 + number(bytes, place, 4);
  }
}

function* riff(bytes) {
  for (let place = 12; place + 8 <= bytes.length;) {
    const length = number(bytes, place + 4, 4, true);
    yield { kind: ascii(bytes, place, 4), start: place + 8 };
    place += 8 + length + (length % 2);
  }
}

const count = (parts, found) => [...parts].filter(found).length;

// Whether the file has a colour profile, or may have one.
export function hasProfile(bytes, name) {
  if (name === "JPEG") return count(segments(bytes), ({ kind, start }) => kind === 0xe2 && ascii(bytes, start, 12) === "ICC_PROFILE\0") > 0;
  if (name === "PNG") return count(chunks(bytes), ({ kind }) => kind === "iCCP") > 0;
  if (name === "WebP") return count(riff(bytes), ({ kind }) => kind === "ICCP") > 0;
  return name === "AVIF or HEIC";
}

// The orientation in an EXIF block, 1 to 8 (a TIFF structure); 1 if there is none.
function orientationIn(bytes, start) {
  const tiff = start + (ascii(bytes, start, 6) === "Exif\0\0" ? 6 : 0);
  const little = ascii(bytes, tiff, 2) === "II";
  const directory = tiff + number(bytes, tiff + 4, 4, little);
  for (let i = 0; i < number(bytes, directory, 2, little); i += 1) {
    const entry = directory + 2 + 12 * i;
    if (number(bytes, entry, 2, little) !== 274) continue;
    const found = number(bytes, entry + 8, 2, little);
    return found >= 1 && found <= 8 ? found : 1;
  }
  return 1;
}

// A WebP file without EXIF, and its orientation. Browsers apply the orientation of JPEG and PNG, but not all of them
// that of WebP.
export function withoutOrientation(bytes) {
  const found = [...riff(bytes)].find(({ kind }) => kind === "EXIF");
  if (!found) return { bytes, orientation: 1 };
  const bare = bytes.slice();
  bare.set([..."SKIP"].map((letter) => letter.charCodeAt(0)), found.start - 8);
  return { bytes: bare, orientation: orientationIn(bytes, found.start) };
}

function gifFrames(bytes) {
  const table = (flags) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let place = 13 + table(bytes[10]), frames = 0;
  const skip = () => {
    while (place < bytes.length && bytes[place]) place += bytes[place] + 1;
    place += 1;
  };
  while (place < bytes.length && bytes[place] !== 0x3b) {
    if (bytes[place] === 0x2c) {
      frames += 1;
      place += 11 + table(bytes[place + 9]);
    } else place += 2;
    skip();
  }
  return frames;
}

// The number of frames of an animation; 1 for a still picture.
export function framesOf(bytes, name) {
  if (name === "GIF") return gifFrames(bytes);
  if (name === "WebP") return Math.max(1, count(riff(bytes), ({ kind }) => kind === "ANMF"));
  if (name === "AVIF or HEIC") return ascii(bytes, 8, 4) === "avis" ? 2 : 1;
  const animation = name === "PNG" && [...chunks(bytes)].find(({ kind }) => kind === "acTL");
  return animation ? number(bytes, animation.start, 4) : 1;
}
