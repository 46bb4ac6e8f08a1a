/** Anatomical angles (twist, splay, bend) of the rig's joints (Python: `knuckle.rig.limits`). */
import type { HandRig } from "./rig";
import { axisAngleToMatrix, multiplyMatrices, turnVector, wrapped } from "./rotations";

const matrix = new Float64Array(9);
const splayTurn = new Float64Array(9);
const bendTurn = new Float64Array(9);
const swing = new Float64Array(9);
const bone = new Float64Array(3);
const axis = new Float64Array(3);
const angle = new Float64Array(2);

/**
 * Splay and bend, from rest, that turn a joint's twist axis onto a unit direction. axes: 3 rows from `from` on; handed:
 * the sign of their handedness. The answer is the two numbers of `out`.
 */
export function swingAngles(
  direction: ArrayLike<number>,
  fromDirection: number,
  axes: ArrayLike<number>,
  from: number,
  handed: number,
  out: Float64Array,
): void {
  const x = direction[fromDirection];
  const y = direction[fromDirection + 1];
  const z = direction[fromDirection + 2];
  const forward = x * axes[from] + y * axes[from + 1] + z * axes[from + 2];
  const dorsal = x * axes[from + 3] + y * axes[from + 4] + z * axes[from + 5];
  const sideways = x * axes[from + 6] + y * axes[from + 7] + z * axes[from + 8];
  out[0] = Math.asin(-handed * Math.min(Math.max(sideways, -1), 1));
  out[1] = Math.atan2(handed * dorsal, forward);
}

/** The anatomical angles of an axis-angle pose (48 numbers), 16 x 3; the wrist's are those of its global rotation. */
export function poseToAngles(rig: HandRig, pose_rad: ArrayLike<number>, out: Float64Array): void {
  const { axes, restAngles, handed } = rig.data;
  for (let joint = 0; joint < 16; joint++) {
    const from = 9 * joint;
    axisAngleToMatrix(pose_rad, 3 * joint, matrix, 0);
    turnVector(matrix, 0, axes, from, bone, 0);
    swingAngles(bone, 0, axes, from, handed[joint], angle);
    const [splay, bend] = angle;
    turnAbout(axes, from + 6, bend, bendTurn);
    turnAbout(axes, from + 3, splay, splayTurn);
    multiplyMatrices(bendTurn, 0, splayTurn, 0, swing, 0);
    // The splay axis as the whole rotation turns it, seen before the swing.
    turnVector(matrix, 0, axes, from + 3, bone, 0);
    for (let c = 0; c < 3; c++) axis[c] = swing[c] * bone[0] + swing[3 + c] * bone[1] + swing[6 + c] * bone[2];
    const across = axis[0] * axes[from + 6] + axis[1] * axes[from + 7] + axis[2] * axes[from + 8];
    const along = axis[0] * axes[from + 3] + axis[1] * axes[from + 4] + axis[2] * axes[from + 5];
    out[3 * joint] = wrapped(Math.atan2(handed[joint] * across, along) + restAngles[3 * joint]);
    out[3 * joint + 1] = wrapped(splay + restAngles[3 * joint + 1]);
    out[3 * joint + 2] = wrapped(bend + restAngles[3 * joint + 2]);
  }
}

function turnAbout(axes: ArrayLike<number>, from: number, turn: number, out: Float64Array): void {
  for (let c = 0; c < 3; c++) axis[c] = turn * axes[from + c];
  axisAngleToMatrix(axis, 0, out, 0);
}
