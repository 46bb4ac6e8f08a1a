/** The whole picture as a proposal network is shown it, and where its pixels lie in the picture. */
import { type Patch, part, type Picture, type Pixels, halved, resized, roundEven } from "./picture";

/** Networks take sides that are multiples of this. */
const MULTIPLE_PX = 32;

export interface Shown {
  /** Black beside the picture. */
  patch: Patch;
  /** Px of the picture in a px of what is shown, along u and v. */
  scale: readonly [number, number];
  /** Where its upper left corner lies, px of the picture counted from pixel edges. */
  corner: readonly [number, number];
}

/** Points (n x 2), counted from the pixel edges of what is shown, as px of the picture. */
export function toPicture(shown: Shown, points: Float64Array): Float64Array {
  return points.map((value, i) => value * shown.scale[i % 2] + shown.corner[i % 2] - 0.5);
}

/** The whole picture, its longer side `input_px` long. */
export function showWhole(picture: Picture, input_px: number): Shown {
  const { width, height } = picture;
  const scale = input_px / Math.max(width, height);
  const content = [width, height].map((side) => Math.max(roundEven(side * scale), 1));
  const size = content.map((side) => Math.ceil(side / MULTIPLE_PX) * MULTIPLE_PX);
  const beside = size.map((side, axis) => Math.floor((side - content[axis]) / 2));
  const halvings = Math.max(31 - Math.clz32(Math.min(Math.floor(1 / scale), width, height)), 0);
  const step = 2 ** halvings;
  // Rows and columns that halving cannot use: less than one px of what the network sees.
  const [usedWidth, usedHeight] = [width - (width % step), height - (height % step)];
  const small = reduced(picture, usedWidth, usedHeight, halvings, scale);
  const trueScale = [usedWidth / small.width, usedHeight / small.height] as const;
  const data = new Uint8Array(3 * size[0] * size[1]);
  const [columns, rows] = [Math.min(small.width, size[0] - beside[0]), Math.min(small.height, size[1] - beside[1])];
  for (let y = 0; y < rows; y++) {
    const row = small.data.subarray(3 * y * small.width, 3 * (y * small.width + columns));
    data.set(row, 3 * ((beside[1] + y) * size[0] + beside[0]));
  }
  return {
    patch: { width: size[0], height: size[1], data },
    scale: trueScale,
    corner: [-beside[0] * trueScale[0], -beside[1] * trueScale[1]],
  };
}

/** A picture at another scale, reduced by halves first. */
function reduced(picture: Picture, usedWidth: number, usedHeight: number, halvings: number, scale: number): Pixels {
  const [width, height] = [usedWidth, usedHeight].map((side) => Math.max(roundEven(side * scale), 1));
  let pixels = picture.pixels;
  if (usedWidth !== pixels.width || usedHeight !== pixels.height) pixels = part(pixels, 0, 0, usedWidth, usedHeight);
  for (let i = 0; i < halvings; i++) pixels = halved(pixels);
  return resized(pixels, width, height);
}
