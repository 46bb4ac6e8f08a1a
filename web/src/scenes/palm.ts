/** The palm's place and directions, from the joints. */
import { Vector3 } from "three";
import type { Side } from "../hand/frame";

/** Middle of wrist and knuckles. */
export function palmCentre(joints: readonly Vector3[]): Vector3 {
  const sum = new Vector3();
  for (const joint of [0, 5, 9, 13, 17]) sum.add(joints[joint]);
  return sum.multiplyScalar(1 / 5);
}

/**
 * Unit directions of a hand: `along` to the middle knuckle, `across` from the little finger's side to the index
 * finger's, `outward` out of its back. Joints in the camera's frame, or any other that is turned and not mirrored.
 */
export function palmFrame(joints: readonly Vector3[], side: Side): { along: Vector3; across: Vector3; outward: Vector3 } {
  const { along, across } = palmAxes(joints);
  return { along, across, outward: outOfBack(across, along, side) };
}

/** The first two of them. */
export function palmAxes(joints: readonly Vector3[]): { along: Vector3; across: Vector3 } {
  const along = joints[9].clone().sub(joints[0]).normalize();
  const across = joints[5].clone().sub(joints[17]);
  across.addScaledVector(along, -across.dot(along)).normalize();
  return { along, across };
}

/** Out of the back of a hand, or of a finger: `across` the knuckles, at right angles to what it goes `along`. */
export function outOfBack(across: Vector3, along: Vector3, side: Side): Vector3 {
  return across.clone().cross(along).multiplyScalar(side === "right" ? -1 : 1).normalize();
}
