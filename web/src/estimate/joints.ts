/** Arithmetic of a hand's 21 joints: px are 42 numbers (u, v), metres 63 (x, y, z), row by row. */
import type { Camera } from "../hand/frame";
import { JOINT_COUNT } from "../hand/skeleton";

export { logit, probability as sigmoid } from "../track/odds";

/** fx, fy, cx, cy px. */
export type Lens = Pick<Camera, "fx" | "fy" | "cx" | "cy">;

const KNUCKLES = [5, 9, 13, 17];

/** Points in the camera's frame to px; depths below `nearest_m` count as that. */
export function project(points_m: Float64Array, lens: Lens, nearest_m = -Infinity): Float64Array {
  const px = new Float64Array(2 * JOINT_COUNT);
  for (let i = 0; i < JOINT_COUNT; i++) {
    const depth = Math.max(points_m[3 * i + 2], nearest_m);
    px[2 * i] = (points_m[3 * i] / depth) * lens.fx + lens.cx;
    px[2 * i + 1] = (points_m[3 * i + 1] / depth) * lens.fy + lens.cy;
  }
  return px;
}

/** Px at their depths along z to points in the camera's frame. */
export function lift(px: Float64Array, depth_m: (joint: number) => number, lens: Lens): Float64Array {
  const points = new Float64Array(3 * JOINT_COUNT);
  for (let i = 0; i < JOINT_COUNT; i++) {
    const depth = depth_m(i);
    points[3 * i] = ((px[2 * i] - lens.cx) / lens.fx) * depth;
    points[3 * i + 1] = ((px[2 * i + 1] - lens.cy) / lens.fy) * depth;
    points[3 * i + 2] = depth;
  }
  return points;
}

/** The mean of points of `size` numbers each. */
export function middle(points: Float64Array, size: 2 | 3): Float64Array {
  const mean = new Float64Array(size);
  for (let i = 0; i < points.length; i++) mean[i % size] += points[i] / (points.length / size);
  return mean;
}

/** Points from their middle on. */
export function centred(points: Float64Array, size: 2 | 3): Float64Array {
  const mean = middle(points, size);
  return points.map((value, i) => value - mean[i % size]);
}

/** Root of the summed squares. */
export function norm(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return Math.sqrt(sum);
}

/** Root of the summed squared distances of points from their middle, never quite zero. */
export function spread(points: Float64Array, size: 2 | 3): number {
  return Math.max(norm(centred(points, size)), 1e-9);
}

/** x and y of points in metres. */
export function flat(points_m: Float64Array): Float64Array {
  const out = new Float64Array(2 * JOINT_COUNT);
  for (let i = 0; i < JOINT_COUNT; i++) {
    out[2 * i] = points_m[3 * i];
    out[2 * i + 1] = points_m[3 * i + 1];
  }
  return out;
}

/** The distance between each two points. */
export function distances(one: Float64Array, other: Float64Array, size: 2 | 3): Float64Array {
  const away = new Float64Array(one.length / size);
  for (let i = 0; i < away.length; i++) {
    let sum = 0;
    for (let k = size * i; k < size * (i + 1); k++) sum += (one[k] - other[k]) ** 2;
    away[i] = Math.sqrt(sum);
  }
  return away;
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/** Mean distance of the knuckles from the wrist. */
export function palmLength(joints_m: Float64Array): number {
  return mean(
    KNUCKLES.map((joint) =>
      Math.hypot(
        joints_m[3 * joint] - joints_m[0],
        joints_m[3 * joint + 1] - joints_m[1],
        joints_m[3 * joint + 2] - joints_m[2],
      ),
    ),
  );
}

/** Offsets in px, turned clockwise by an angle. aspect: fy / fx. */
export function turnedPx(offsets: Float64Array, angle_rad: number, aspect = 1): Float64Array {
  const [cos, sin] = [Math.cos(angle_rad), Math.sin(angle_rad)];
  const out = new Float64Array(offsets.length);
  for (let i = 0; i < offsets.length; i += 2) {
    out[i] = cos * offsets[i] - (sin / aspect) * offsets[i + 1];
    out[i + 1] = sin * aspect * offsets[i] + cos * offsets[i + 1];
  }
  return out;
}

/** Points in metres, turned about the camera's axis, clockwise in the picture. */
export function turnedAboutZ(points_m: Float64Array, angle_rad: number): Float64Array {
  const [cos, sin] = [Math.cos(angle_rad), Math.sin(angle_rad)];
  const out = points_m.slice();
  for (let i = 0; i < out.length; i += 3) {
    out[i] = cos * points_m[i] - sin * points_m[i + 1];
    out[i + 1] = sin * points_m[i] + cos * points_m[i + 1];
  }
  return out;
}

/** Points in metres of the mirrored world. */
export const mirroredM = (points_m: Float64Array): Float64Array =>
  points_m.map((value, i) => (i % 3 === 0 ? -value : value));

/** Px in the mirrored picture of that width. */
export const mirroredPx = (px: Float64Array, width: number): Float64Array =>
  px.map((value, i) => (i % 2 === 0 ? width - 1 - value : value));

/** x, y, w, h in the mirrored picture of that width. */
export const mirroredBox = (box: Float64Array, width: number): Float64Array =>
  Float64Array.of(width - 1 - box[0] - box[2], box[1], box[2], box[3]);

/** Rotation vectors of the mirrored world. */
export const mirroredPose = (pose_rad: Float64Array): Float64Array =>
  pose_rad.map((value, i) => (i % 3 === 0 ? value : -value));

export const isFinite = (values: Float64Array): boolean => values.every((value) => Number.isFinite(value));

export const clip = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** The places of the flags that are set. */
export const numbersWhere = (flags: readonly boolean[]): number[] => flags.flatMap((flag, i) => (flag ? [i] : []));
