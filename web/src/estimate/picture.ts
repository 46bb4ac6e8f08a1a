/**
 * A picture's pixels and windows cut from them, in our own code: a canvas resamples differently in every browser, and
 * the networks' answers are held against Python's.
 *
 * Sampling is bilinear, in the single precision in which Python's library does it, rounded to bytes (halves to even, as a
 * `Uint8ClampedArray` rounds); beyond the picture its nearest edge pixel is repeated.
 */
import { type Affine, inverse } from "./affine";

/** Px of the reduced picture in one of a patch, at most: beyond, single samples alias. */
const LARGEST_REDUCTION = 1.7;

/** RGB bytes of a size x size or width x height patch, row by row, three a pixel. */
export interface Patch {
  width: number;
  height: number;
  data: Uint8Array;
}

/** Bytes of a picture, row by row; `channels` is 3 (RGB) or 4 (RGBA, whose alpha is not looked at). */
export interface Pixels {
  width: number;
  height: number;
  channels: 3 | 4;
  data: Uint8Array | Uint8ClampedArray;
}

/** A picture and its halves, made as they are asked for. */
export class Picture {
  private readonly levels: Pixels[];

  /** Throws an Error for pixels that are not as many as the size says. */
  constructor(pixels: Pixels) {
    const { width, height, channels, data } = pixels;
    if (!(width >= 1 && height >= 1) || data.length !== width * height * channels) {
      throw new Error(
        `picture: expected ${width} x ${height} pixels of ${channels} bytes, got ${data.length} bytes`,
      );
    }
    this.levels = [pixels];
  }

  get width(): number {
    return this.levels[0].width;
  }

  get height(): number {
    return this.levels[0].height;
  }

  get pixels(): Pixels {
    return this.levels[0];
  }

  /** The picture halved so many times; an odd last row or column is left out. */
  level(number: number): Pixels {
    while (this.levels.length <= number) {
      this.levels.push(halved(this.levels[this.levels.length - 1]));
    }
    return this.levels[number];
  }

  /** The window that a map from px of the picture to those of a patch shows, cut from the halves: for video. */
  warpQuickly(map: Affine, size: number): Patch {
    const [a, b, c, d, e, f] = map;
    const reduction = 1 / Math.max(Math.sqrt(Math.abs(a * e - b * d)), 1e-6);
    const most = Math.max(31 - Math.clz32(Math.min(this.width, this.height)), 0);
    const wanted = Math.ceil(Math.log2(reduction / LARGEST_REDUCTION));
    const number = Math.min(Math.max(wanted, 0), most);
    const step = 2 ** number;
    // Pixel centres are at whole numbers: u = step u' + (step - 1) / 2.
    const off = (step - 1) / 2;
    const own: Affine = [step * a, step * b, c + (a + b) * off, step * d, step * e, f + (d + e) * off];
    return warp(this.level(number), own, size, size);
  }

  /** The same cut from the picture itself, one sample a pixel. */
  warp(map: Affine, size: number): Patch {
    return warp(this.pixels, map, size, size);
  }
}

/** What an affine map to px of a patch shows of a picture. */
export function warp(pixels: Pixels, patchFromPicture: Affine, width: number, height: number): Patch {
  const { data, channels } = pixels;
  const { fround } = Math;
  const [a, b, c, d, e, f] = inverse(patchFromPicture).map(fround);
  const lastU = pixels.width - 1;
  const lastV = pixels.height - 1;
  const row = pixels.width * channels;
  const out = new Uint8ClampedArray(3 * width * height);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const startU = fround(b * y + c);
    const startV = fround(e * y + f);
    for (let x = 0; x < width; x++) {
      const u = fround(a * x + startU);
      const v = fround(d * x + startV);
      const floorU = Math.floor(u);
      const floorV = Math.floor(v);
      const right = fround(u - floorU);
      const below = fround(v - floorV);
      const left = floorU < 0 ? 0 : floorU > lastU ? lastU : floorU;
      const next = floorU + 1 < 0 ? 0 : floorU + 1 > lastU ? lastU : floorU + 1;
      const upper = row * (floorV < 0 ? 0 : floorV > lastV ? lastV : floorV);
      const lower = row * (floorV + 1 < 0 ? 0 : floorV + 1 > lastV ? lastV : floorV + 1);
      const ul = upper + channels * left;
      const ur = upper + channels * next;
      const ll = lower + channels * left;
      const lr = lower + channels * next;
      for (let channel = 0; channel < 3; channel++) {
        const first = data[ul + channel];
        const second = data[ll + channel];
        const above = fround(first + right * (data[ur + channel] - first));
        const under = fround(second + right * (data[lr + channel] - second));
        out[to++] = fround(above + below * (under - above));
      }
    }
  }
  return { width, height, data: bytesOf(out) };
}

/** The same bytes, of the type that networks take. */
const bytesOf = (data: Uint8ClampedArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.length);

/** Means of 2 x 2 px; an odd last row or column is left out. */
export function halved(pixels: Pixels): Pixels {
  const { data, channels } = pixels;
  const width = Math.max(pixels.width >> 1, 1);
  const height = Math.max(pixels.height >> 1, 1);
  const row = pixels.width * channels;
  const [right, below] = [pixels.width > 1 ? channels : 0, pixels.height > 1 ? row : 0];
  const out = new Uint8Array(3 * width * height);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 2 * (y * row + x * channels);
      for (let channel = at; channel < at + 3; channel++) {
        out[to++] = (data[channel] + data[channel + right] + data[channel + below] + data[channel + right + below] + 2) >> 2;
      }
    }
  }
  return { width, height, channels: 3, data: out };
}

/** A part of a picture, whose corner and size lie within it. */
export function part(pixels: Pixels, left: number, top: number, width: number, height: number): Pixels {
  const { data, channels } = pixels;
  const out = new Uint8Array(channels * width * height);
  for (let y = 0; y < height; y++) {
    const from = channels * ((top + y) * pixels.width + left);
    out.set(data.subarray(from, from + channels * width), channels * width * y);
  }
  return { width, height, channels, data: out };
}

/** A picture at another size: means of the area under each pixel where it becomes smaller, else bilinear. */
export function resized(pixels: Pixels, width: number, height: number): Pixels {
  return width <= pixels.width && height <= pixels.height
    ? areaResized(pixels, width, height)
    : linearResized(pixels, width, height);
}

function areaResized(pixels: Pixels, width: number, height: number): Pixels {
  const [columns, rows] = [areaWeights(pixels.width, width), areaWeights(pixels.height, height)];
  const { data, channels } = pixels;
  const across = new Float32Array(3 * width * pixels.height);
  for (let y = 0, to = 0; y < pixels.height; y++) {
    for (const { first, weights } of columns) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++) {
          sum += weights[i] * data[channels * (y * pixels.width + first + i) + channel];
        }
        across[to++] = sum;
      }
    }
  }
  const out = new Uint8ClampedArray(3 * width * height);
  for (let y = 0, to = 0; y < height; y++) {
    const { first, weights } = rows[y];
    for (let x = 0; x < 3 * width; x++) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * across[3 * width * (first + i) + x];
      out[to++] = sum;
    }
  }
  return { width, height, channels: 3, data: bytesOf(out) };
}

/** Which px of a row count in one of the resized row, and how much. */
interface Weighted {
  first: number;
  weights: number[];
}

function areaWeights(from: number, to: number): Weighted[] {
  const step = from / to;
  return Array.from({ length: to }, (_, i) => {
    const [start, end] = [i * step, Math.min((i + 1) * step, from)];
    const first = Math.min(Math.floor(start + 1e-9), from - 1);
    const last = Math.max(Math.min(Math.ceil(end - 1e-9), from) - 1, first);
    const weights: number[] = [];
    for (let j = first; j <= last; j++) {
      weights.push(Math.max(Math.min(end, j + 1) - Math.max(start, j), 0) / (end - start));
    }
    return { first, weights };
  });
}

/** In the whole numbers in which Python's library reckons here: weights in steps of 1 / 2048, sums cut off. */
function linearResized({ data, channels, width, height }: Pixels, toWidth: number, toHeight: number): Pixels {
  const [columns, rows] = [linearWeights(width, toWidth), linearWeights(height, toHeight)];
  const out = new Uint8Array(3 * toWidth * toHeight);
  let to = 0;
  for (const { low: top, high: bottom, share: below } of rows) {
    for (const { low: left, high: right, share } of columns) {
      for (let channel = 0; channel < 3; channel++) {
        const along = (row: number) =>
          (2048 - share) * data[channels * (row * width + left) + channel] +
          share * data[channels * (row * width + right) + channel];
        const upper = ((2048 - below) * (along(top) >> 4)) >> 16;
        const lower = (below * (along(bottom) >> 4)) >> 16;
        out[to++] = (upper + lower + 2) >> 2;
      }
    }
  }
  return { width: toWidth, height: toHeight, channels: 3, data: out };
}

/** Between which two px each one of a larger row lies, and the second one's share in 2048ths. */
function linearWeights(from: number, to: number): { low: number; high: number; share: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const low = Math.floor(at);
    return { low, high: Math.min(low + 1, from - 1), share: roundEven((at - low) * 2048) };
  });
}

/** To the nearest whole number, halves to the even one, as Python rounds. */
export function roundEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** A patch mirrored left to right. */
export function flipped(patch: Patch): Patch {
  const { width, height, data } = patch;
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [3 * (y * width + x), 3 * (y * width + width - 1 - x)];
      out[to] = data[from];
      out[to + 1] = data[from + 1];
      out[to + 2] = data[from + 2];
    }
  }
  return { width, height, data: out };
}

/** A picture's pixels mirrored left to right. */
export function mirroredPixels({ width, height, channels, data }: Pixels): Pixels {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [channels * (y * width + x), channels * (y * width + width - 1 - x)];
      for (let channel = 0; channel < channels; channel++) out[to + channel] = data[from + channel];
    }
  }
  return { width, height, channels, data: out };
}

/** RGB bytes of N square patches as networks take them: -1 to 1, channels first (N x 3 x size x size). */
export function normalised(patches: readonly Patch[]): Float32Array {
  if (patches.length === 0) return new Float32Array(0);
  const area = patches[0].width * patches[0].height;
  const out = new Float32Array(3 * area * patches.length);
  patches.forEach(({ data }, number) => {
    for (let channel = 0; channel < 3; channel++) {
      const to = area * (3 * number + channel);
      for (let i = 0; i < area; i++) out[to + i] = data[3 * i + channel] / 127.5 - 1;
    }
  });
  return out;
}
