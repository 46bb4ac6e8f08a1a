/**
 * A hand's pose as a track keeps it: few numbers that joints and surface follow from (Python: `knuckle.live.hand_pose`).
 */
import type { HandRig } from "../hand/rig";
import { axisAngleToMatrix, matrixToAxisAngle, multiplyMatrices, turnVector } from "../hand/rotations";

/** Hands nearer than this, or behind the camera, have no direction. */
export const NEAREST_M = 1e-2;
/** The fastest hands, across the line of sight; for how long; how far off a frame of little confidence places them. */
const FASTEST_M_S = 4;
const LONGEST_STEP_S = 0.08;
const SLACK_M = 0.03;

/** Not changed once made. */
export interface HandPose {
  /** 3: the wrist in the camera's frame, metres. */
  root_m: Float64Array;
  /** 16 x 3 axis-angle. */
  pose_rad: Float64Array;
  /** 10. */
  shape: Float64Array;
}

/** The joints of a rig in a pose, its wrist at the pose's root: 21 x 3, to `joints`. */
export function placeJoints(rig: HandRig, pose: HandPose, joints: Float64Array): void {
  rig.placeJoints(rig.matricesOf(pose.pose_rad), pose.shape, null, joints);
  const [x, y, z] = [pose.root_m[0] - joints[0], pose.root_m[1] - joints[1], pose.root_m[2] - joints[2]];
  for (let n = 0; n < joints.length; n += 3) {
    joints[n] += x;
    joints[n + 1] += y;
    joints[n + 2] += z;
  }
}

/** What to add to a rig posed at its own place so that its wrist lies at the pose's root. */
export function translationOf(rig: HandRig, pose: HandPose): Float64Array {
  const joints = new Float64Array(63);
  rig.placeJoints(rig.matricesOf(pose.pose_rad), pose.shape, null, joints);
  return pose.root_m.map((value, c) => value - joints[c]);
}

/** The pose that is `share` of the way from one to another (0: the first): rotations along the shortest turn. */
export function between(first: HandPose, second: HandPose, share: number): HandPose {
  const mixed = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, n) => value + share * (b[n] - value));
  const pose_rad = new Float64Array(48);
  const one = new Float64Array(9);
  const other = new Float64Array(9);
  const turn = new Float64Array(9);
  for (let joint = 0; joint < 16; joint++) {
    axisAngleToMatrix(first.pose_rad, 3 * joint, one, 0);
    axisAngleToMatrix(second.pose_rad, 3 * joint, other, 0);
    multiplyTransposed(one, other, turn);
    matrixToAxisAngle(turn, 0, pose_rad, 3 * joint);
    for (let c = 0; c < 3; c++) pose_rad[3 * joint + c] *= share;
    axisAngleToMatrix(pose_rad, 3 * joint, turn, 0);
    multiplyMatrices(one, 0, turn, 0, other, 0);
    matrixToAxisAngle(other, 0, pose_rad, 3 * joint);
  }
  return { root_m: mixed(first.root_m, second.root_m), pose_rad, shape: mixed(first.shape, second.shape) };
}

/** The middle of the palm in the camera's frame; from_wrist_m: seen from the wrist, in the hand's axes. */
function palmMiddle(pose: HandPose, from_wrist_m: Float64Array): Float64Array {
  const turn = new Float64Array(9);
  const middle = new Float64Array(3);
  axisAngleToMatrix(pose.pose_rad, 0, turn, 0);
  turnVector(turn, 0, from_wrist_m, 0, middle, 0);
  return middle.map((value, c) => value + pose.root_m[c]);
}

/**
 * A hand at its own distance, moved to the direction in which the middle of another's palm is seen; null where that is
 * more than `within_m` away, or the other is not in front of the camera.
 */
export function seenAt(pose: HandPose, other: HandPose, from_wrist_m: Float64Array, within_m: number): HandPose | null {
  const own = palmMiddle(pose, from_wrist_m);
  const there = palmMiddle(other, from_wrist_m);
  if (Math.min(own[2], there[2]) < NEAREST_M) return null;
  const move = there.map((value, c) => value * (own[2] / there[2]) - own[c]);
  if (!(Math.hypot(...move) <= within_m)) return null;
  return { ...pose, root_m: pose.root_m.map((value, c) => value + move[c]) };
}

/** How far a hand may move across in that time, and at most: what is beyond is another thing. */
export function reachM(step_s: number): number {
  return SLACK_M + FASTEST_M_S * Math.min(step_s, LONGEST_STEP_S);
}

/** The transpose of a, times b. */
function multiplyTransposed(a: Float64Array, b: Float64Array, out: Float64Array): void {
  for (let row = 0; row < 3; row++) {
    for (let c = 0; c < 3; c++) out[3 * row + c] = a[row] * b[c] + a[3 + row] * b[3 + c] + a[6 + row] * b[6 + c];
  }
}
