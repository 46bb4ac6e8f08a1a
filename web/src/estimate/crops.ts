/**
 * Crops as exactly as photographs are shown (Python: `Crop.warp`): where the window is reduced, each px of the patch is
 * the mean of several samples.
 */
import { apply, compose, inverse, middlePx, patchFromFrame, type Square } from "./affine";
import { part, type Patch, type Picture, type Pixels, roundEven, warp } from "./picture";

/** Samples along a side of a patch pixel. */
const FEW_SAMPLES = 2;
const MOST_SAMPLES = 8;

/** The window of a picture; beyond the picture its nearest edge pixel is repeated. aspect: fy / fx. */
export function cropExactly(picture: Picture, square: Square, size: number, aspect: number): Patch {
  const reduction = square.side_px / size;
  if (FEW_SAMPLES < reduction && reduction <= MOST_SAMPLES) {
    const { means, left, top } = meansUnder(picture.pixels, square, size, aspect, reduction / FEW_SAMPLES);
    return sampled(means, { ...square, u: square.u - left, v: square.v - top }, size, aspect, FEW_SAMPLES);
  }
  const samples = Math.min(Math.max(Math.ceil(reduction), 1), MOST_SAMPLES);
  return sampled(picture.pixels, square, size, aspect, samples);
}

/** The window, each px of the patch the mean of so many samples a side. */
function sampled(pixels: Pixels, square: Square, size: number, aspect: number, samples: number): Patch {
  const first = middlePx(samples);
  const map = compose([samples, 0, first, 0, samples, first], patchFromFrame(square, size, aspect));
  const finer = warp(pixels, map, size * samples, size * samples);
  if (samples === 1) return finer;
  const data = new Uint8Array(3 * size * size);
  const row = 3 * size * samples;
  for (let y = 0, to = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let i = 0; i < samples; i++) {
          const from = (y * samples + i) * row + 3 * x * samples + channel;
          for (let j = 0; j < samples; j++) sum += finer.data[from + 3 * j];
        }
        data[to++] = samples === 2 ? (sum + 2) >> 2 : roundEven(sum / (samples * samples));
      }
    }
  }
  return { width: size, height: size, data };
}

/** Means over squares of a width round each px of the part of a picture that a window shows, and where that part lies. */
function meansUnder(
  pixels: Pixels,
  square: Square,
  size: number,
  aspect: number,
  width_px: number,
): { means: Pixels; left: number; top: number } {
  const weights = boxWeights(width_px);
  const back = inverse(patchFromFrame(square, size, aspect));
  const edges = [-0.5, size - 0.5];
  const corners = edges.flatMap((u) => edges.map((v) => apply(back, u, v)));
  const reach = (weights.length >> 1) + 2; // of the means, and of a sample between pixels
  const bound = (axis: 0 | 1, pick: (...values: number[]) => number, round: (v: number) => number, by: number) => {
    const last = (axis === 0 ? pixels.width : pixels.height) - 1;
    return Math.min(Math.max(round(pick(...corners.map((corner) => corner[axis]))) + by, 0), last);
  };
  const [left, top] = [bound(0, Math.min, Math.floor, -reach), bound(1, Math.min, Math.floor, -reach)];
  const [right, bottom] = [bound(0, Math.max, Math.ceil, reach), bound(1, Math.max, Math.ceil, reach)];
  return { means: filtered(part(pixels, left, top, right - left + 1, bottom - top + 1), weights), left, top };
}

/** Weights of px in a row, of their mean over a width that may end within px, in steps of 1 / 256, which add up to 1. */
function boxWeights(width: number): Int32Array {
  const reach = Math.ceil((width - 1) / 2);
  const exact = new Float64Array(2 * reach + 1).fill(256 / width);
  const end = (width - (2 * reach - 1)) / 2;
  exact[0] *= end;
  if (reach > 0) exact[2 * reach] *= end;
  const weights = Int32Array.from(exact, Math.round);
  weights[reach] += 256 - weights.reduce((sum, weight) => sum + weight, 0);
  return weights;
}

/** A picture filtered by the same weights along both axes; at its edges the last px is repeated. */
function filtered({ width, height, channels, data }: Pixels, weights: Int32Array): Pixels {
  const reach = weights.length >> 1;
  const across = new Int32Array(3 * width * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let i = -reach; i <= reach; i++) {
          const column = Math.min(Math.max(x + i, 0), width - 1);
          sum += weights[reach + i] * data[channels * (y * width + column) + channel];
        }
        across[to++] = sum;
      }
    }
  }
  const out = new Uint8Array(3 * width * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < 3 * width; x++) {
      let sum = 1 << 15;
      for (let i = -reach; i <= reach; i++) {
        const row = Math.min(Math.max(y + i, 0), height - 1);
        sum += weights[reach + i] * across[3 * width * row + x];
      }
      out[to++] = sum >> 16;
    }
  }
  return { width, height, channels: 3, data: out };
}
