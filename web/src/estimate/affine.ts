/**
 * Square windows of a picture, turned or upright, as affine maps; and what mirroring does to points.
 *
 * Px have their pixel centres at whole numbers. An affine map is [a, b, c, d, e, f]: u' = a u + b v + c,
 * v' = d u + e v + f. Lists of points are row by row, u before v.
 */

import { handRoll } from "../hand/roll";
import { wrapped } from "../hand/rotations";

export type Affine = readonly [number, number, number, number, number, number];

/** A square window of a picture, turned clockwise by `turn_rad`; centre and side in its px. */
export interface Square {
  u: number;
  v: number;
  side_px: number;
  turn_rad: number;
}

/** The middle of a patch of size x size px along either axis. */
export const middlePx = (size: number): number => (size - 1) / 2;

/** Horizontal px in the left-right mirrored picture of that width. */
export const mirrorColumn = (u: number, width: number): number => width - 1 - u;

/**
 * The map from px of a picture to those of a patch in which the window stands upright.
 *
 * aspect: fy / fx of the camera, which a roll about its axis keeps.
 */
export function patchFromFrame(square: Square, size: number, aspect = 1): Affine {
  const scale = size / square.side_px;
  const cos = Math.cos(-square.turn_rad) * scale;
  const sin = Math.sin(-square.turn_rad) * scale;
  const [a, b, d, e] = [cos, -sin / aspect, sin * aspect, cos];
  const middle = middlePx(size);
  return [a, b, middle - (a * square.u + b * square.v), d, e, middle - (d * square.u + e * square.v)];
}

/** The way back. */
export function inverse([a, b, c, d, e, f]: Affine): Affine {
  const share = 1 / (a * e - b * d);
  const [ia, ib, id, ie] = [e * share, -b * share, -d * share, a * share];
  return [ia, ib, -(ia * c + ib * f), id, ie, -(id * c + ie * f)];
}

/** The map that applies `inner`, then `outer`. */
export function compose(outer: Affine, inner: Affine): Affine {
  const [a, b, c, d, e, f] = outer;
  const [p, q, r, s, t, w] = inner;
  return [a * p + b * s, a * q + b * t, a * r + b * w + c, d * p + e * s, d * q + e * t, d * r + e * w + f];
}

/** A point through a map. */
export function apply(map: Affine, u: number, v: number): [number, number] {
  return [map[0] * u + map[1] * v + map[2], map[3] * u + map[4] * v + map[5]];
}

/** Points (n x 2) through a map; `stride` is how many numbers a point has, of which the first two count. */
export function applied(map: Affine, points: ArrayLike<number>, stride = 2): Float64Array {
  const count = points.length / stride;
  const moved = new Float64Array(2 * count);
  for (let i = 0; i < count; i++) {
    const u = points[stride * i];
    const v = points[stride * i + 1];
    moved[2 * i] = map[0] * u + map[1] * v + map[2];
    moved[2 * i + 1] = map[3] * u + map[4] * v + map[5];
  }
  return moved;
}

/** From the joints but those of the fingertips to the square of the hand: so much larger, moved to the fingers. */
const JOINTS_EXPAND = 2.0;
const JOINTS_SHIFT = 0.1;
const INNER_JOINTS = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18];

/** The square round a hand whose joints (21 x 2) are known, upright along wrist to knuckles. */
export function jointsToSquare(joints_px: ArrayLike<number>): Square {
  const turn = handRoll(joints_px);
  const cos = Math.cos(turn);
  const sin = Math.sin(turn);
  let [lowU, lowV, highU, highV] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const joint of INNER_JOINTS) {
    const [u, v] = [joints_px[2 * joint], joints_px[2 * joint + 1]];
    const [along, down] = [cos * u + sin * v, -sin * u + cos * v];
    lowU = Math.min(lowU, along);
    highU = Math.max(highU, along);
    lowV = Math.min(lowV, down);
    highV = Math.max(highV, down);
  }
  const [x, y] = [(lowU + highU) / 2, (lowV + highV) / 2 - JOINTS_SHIFT * (highV - lowV)];
  const side = JOINTS_EXPAND * Math.max(highU - lowU, highV - lowV);
  return { u: cos * x - sin * y, v: sin * x + cos * y, side_px: side, turn_rad: turn };
}

/** By how much one square is turned against another, radians, 0 to pi. */
export function turnBetween(first: Square, second: Square): number {
  return Math.abs(wrapped(second.turn_rad - first.turn_rad));
}

/** x, y, w, h of the extent of points (n x 2). */
export function extent(points_px: ArrayLike<number>): Float64Array {
  let [lowU, lowV, highU, highV] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < points_px.length; i += 2) {
    lowU = Math.min(lowU, points_px[i]);
    highU = Math.max(highU, points_px[i]);
    lowV = Math.min(lowV, points_px[i + 1]);
    highV = Math.max(highV, points_px[i + 1]);
  }
  return Float64Array.of(lowU, lowV, highU - lowU, highV - lowV);
}
