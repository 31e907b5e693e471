// What JPEG compression does to a crop: the pixels that libjpeg-turbo decodes from its own file, exact to the byte, for
// 4:2:0, the integer DCT and smooth upsampling. The Huffman code is lossless and is left out.

const LUMA = [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
  18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99];
const CHROMA = [17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99];

const scaled = (table, quality) => {
  const percent = quality < 50 ? Math.trunc(5000 / quality) : 200 - 2 * quality;
  return table.map((value) => Math.min(Math.max(Math.trunc((value * percent + 50) / 100), 1), 255));
};

const byte = (value) => (value < 0 ? 0 : value > 255 ? 255 : value);
const descale = (value, bits) => (value + (1 << (bits - 1))) >> bits;
// Multiples of 2 ** -13 of the constants in Loeffler, Ligtenberg and Moschytz, 1989.
const [C298, C390, C541, C765, C899, C1175, C1501, C1847, C1961, C2053, C2562, C3072] =
  [2446, 3196, 4433, 6270, 7373, 9633, 12299, 15137, 16069, 16819, 20995, 25172];

// The rotations of the odd part, which both directions share.
function odd(a, b, c, d) {
  const z5 = (a + c + b + d) * C1175;
  const z1 = -C899 * (a + d), z2 = -C2562 * (b + c), z3 = z5 - C1961 * (a + c), z4 = z5 - C390 * (b + d);
  return [C298 * a + z1 + z3, C2053 * b + z2 + z4, C3072 * c + z2 + z3, C1501 * d + z1 + z4];
}

// Forward DCT of eight values, in place. The first of two passes keeps two bits more.
function forward(v, at, step, first) {
  const p = (i) => at + i * step;
  const bits = first ? 11 : 15;
  const s0 = v[p(0)] + v[p(7)], s1 = v[p(1)] + v[p(6)], s2 = v[p(2)] + v[p(5)], s3 = v[p(3)] + v[p(4)];
  const turned = odd(v[p(3)] - v[p(4)], v[p(2)] - v[p(5)], v[p(1)] - v[p(6)], v[p(0)] - v[p(7)]);
  const x = s1 - s2, y = s0 - s3, z = (x + y) * C541;
  const sum = s0 + s3 + s1 + s2, difference = s0 + s3 - s1 - s2;
  v[p(0)] = first ? sum << 2 : descale(sum, 2);
  v[p(4)] = first ? difference << 2 : descale(difference, 2);
  v[p(2)] = descale(z + y * C765, bits);
  v[p(6)] = descale(z - x * C1847, bits);
  for (let k = 0; k < 4; k += 1) v[p(7 - 2 * k)] = descale(turned[k], bits);
}

// Inverse DCT of eight values, in place; the results lose `bits` bits.
function inverse(v, at, step, bits) {
  const p = (i) => at + i * step;
  const z = (v[p(2)] + v[p(6)]) * C541;
  const low = z - v[p(6)] * C1847, high = z + v[p(2)] * C765;
  const sum = (v[p(0)] + v[p(4)]) << 13, difference = (v[p(0)] - v[p(4)]) << 13;
  const even = [sum + high, difference + low, difference - low, sum - high];
  const turned = odd(v[p(7)], v[p(5)], v[p(3)], v[p(1)]);
  for (let k = 0; k < 4; k += 1) {
    v[p(k)] = descale(even[k] + turned[3 - k], bits);
    v[p(7 - k)] = descale(even[k] - turned[3 - k], bits);
  }
}

// Transforms, quantises and restores the blocks of a channel whose sides are multiples of 8, in place.
function compress(channel, width, height, table) {
  const block = new Int32Array(64);
  for (let top = 0; top < height; top += 8) {
    for (let left = 0; left < width; left += 8) {
      for (let i = 0; i < 64; i += 1) block[i] = channel[(top + (i >> 3)) * width + left + (i & 7)] - 128;
      for (let i = 0; i < 8; i += 1) forward(block, 8 * i, 1, true);
      for (let i = 0; i < 8; i += 1) forward(block, i, 8, false);
      for (let i = 0; i < 64; i += 1) {
        const step = 8 * table[i]; // the transform is scaled by 8
        const level = Math.trunc((Math.abs(block[i]) + (step >> 1)) / step);
        block[i] = Math.sign(block[i]) * level * table[i];
      }
      for (let i = 0; i < 8; i += 1) inverse(block, i, 8, 11);
      for (let i = 0; i < 8; i += 1) inverse(block, 8 * i, 1, 18);
      for (let i = 0; i < 64; i += 1) channel[(top + (i >> 3)) * width + left + (i & 7)] = byte(block[i] + 128);
    }
  }
}

const blocks = (pixels) => 8 * Math.ceil(pixels / 8);

// Luma and the two chroma channels at full size, of a picture that is extended to `width` columns by its last one.
function channels({ width: own, height, data }, width) {
  const [y, cb, cr] = [0, 1, 2].map(() => new Uint8Array(width * height));
  for (let row = 0, i = 0; row < height; row += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      const pixel = 3 * (row * own + Math.min(x, own - 1));
      const r = data[pixel], g = data[pixel + 1], b = data[pixel + 2];
      y[i] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
      cb[i] = (-11059 * r - 21709 * g + 32768 * b + 8421375) >> 16;
      cr[i] = (32768 * r - 27439 * g - 5329 * b + 8421375) >> 16;
    }
  }
  return [y, cb, cr];
}

// Halves both sides. Rows up to a whole block repeat the last one.
function halved(channel, width, height) {
  const [across, down] = [width / 2, blocks(height / 2)];
  const found = new Uint8Array(across * down);
  for (let y = 0; y < down; y += 1) {
    const row = 2 * Math.min(y, height / 2 - 1) * width;
    for (let x = 0; x < across; x += 1) {
      const at = row + 2 * x;
      found[y * across + x] = (channel[at] + channel[at + 1] + channel[at + width] + channel[at + width + 1] + 1 + (x & 1)) >> 2;
    }
  }
  return found;
}

// Doubles both sides of the first `width` x `height` values of a channel, with weights 9, 3, 3 and 1.
function doubled(channel, stride, width, height) {
  const found = new Uint8Array(4 * width * height);
  for (let y = 0; y < 2 * height; y += 1) {
    const near = y >> 1, far = Math.min(Math.max(near + (y & 1 ? 1 : -1), 0), height - 1);
    const sum = (x) => 3 * channel[near * stride + x] + channel[far * stride + x];
    for (let x = 0; x < width; x += 1) {
      const [before, own, after] = [sum(Math.max(x - 1, 0)), sum(x), sum(Math.min(x + 1, width - 1))];
      found[2 * (y * width + x)] = (3 * own + before + 8) >> 4;
      found[2 * (y * width + x) + 1] = (3 * own + after + 7) >> 4;
    }
  }
  return found;
}

// The picture after JPEG of a quality from 1 to 100. Its sides must be even and at least 8.
export function compressed(picture, quality) {
  const { width, height } = picture;
  const padded = 2 * blocks(width / 2);
  const [y, ...colours] = channels(picture, padded);
  const luma = new Uint8Array(blocks(width) * blocks(height));
  for (let row = 0; row < blocks(height); row += 1) {
    const start = Math.min(row, height - 1) * padded;
    luma.set(y.subarray(start, start + blocks(width)), row * blocks(width));
  }
  compress(luma, blocks(width), blocks(height), scaled(LUMA, quality));
  const [cb, cr] = colours.map((channel) => {
    const small = halved(channel, padded, height);
    compress(small, padded / 2, blocks(height / 2), scaled(CHROMA, quality));
    return doubled(small, padded / 2, width / 2, height / 2);
  });
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i += 1) {
    const light = luma[Math.floor(i / width) * blocks(width) + (i % width)];
    const blue = cb[i] - 128, red = cr[i] - 128;
    data[3 * i] = byte(light + ((91881 * red + 32768) >> 16));
    data[3 * i + 1] = byte(light + ((-22554 * blue - 46802 * red + 32768) >> 16));
    data[3 * i + 2] = byte(light + ((116130 * blue + 32768) >> 16));
  }
  return { width, height, data };
}
