/** Hands in the picture: 21 x 2 joints as 42 numbers. */
import { JOINT_COUNT } from "../hand/skeleton";

/** Two findings whose joints lie this close, relative to the larger hand's size, are one hand. */
const SAME_HAND = 0.25;
/**
 * Hands whose boxes overlap more (intersection over union) are one: a fist that is read as a left and as a right hand has
 * two sets of joints.
 */
const SAME_BOX = 0.5;

/** The middle of the joints. */
export function middleOf(joints_px: ArrayLike<number>): [number, number] {
  let u = 0;
  let v = 0;
  for (let n = 0; n < 2 * JOINT_COUNT; n += 2) {
    u += joints_px[n];
    v += joints_px[n + 1];
  }
  return [u / JOINT_COUNT, v / JOINT_COUNT];
}

/** x, y, w, h of the extent of the joints. */
export function boxOf(joints_px: ArrayLike<number>): [number, number, number, number] {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let n = 0; n < 2 * JOINT_COUNT; n += 2) {
    left = Math.min(left, joints_px[n]);
    right = Math.max(right, joints_px[n]);
    top = Math.min(top, joints_px[n + 1]);
    bottom = Math.max(bottom, joints_px[n + 1]);
  }
  return [left, top, right - left, bottom - top];
}

/** The longer side of the extent of the joints, at least a pixel. */
export function handSize(joints_px: ArrayLike<number>): number {
  const [, , width, height] = boxOf(joints_px);
  return Math.max(width, height, 1);
}

/** How far two hands' joints lie apart on average. */
export function awayFrom(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let n = 0; n < 2 * JOINT_COUNT; n += 2) {
    const [du, dv] = [a[n] - b[n], a[n + 1] - b[n + 1]];
    sum += Math.sqrt(du * du + dv * dv);
  }
  return sum / JOINT_COUNT;
}

/** Whether two hands' joints lie on each other. */
export function onEachOther(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  return awayFrom(a, b) < SAME_HAND * Math.max(handSize(a), handSize(b));
}

/** Whether two hands' joints, or boxes, lie on each other: they are one hand seen twice, or one hides the other. */
export function inOnePlace(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (onEachOther(a, b)) return true;
  const [one, other] = [boxOf(a), boxOf(b)];
  const along = (axis: 0 | 1) =>
    Math.min(one[axis] + one[2 + axis], other[axis] + other[2 + axis]) - Math.max(one[axis], other[axis]);
  const shared = Math.max(along(0), 0) * Math.max(along(1), 0);
  return shared / Math.max(one[2] * one[3] + other[2] * other[3] - shared, 1e-12) > SAME_BOX;
}
