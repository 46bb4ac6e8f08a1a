/**
 * Hands at the distance and of the size that are known of them, not as a network alone says (Python: `place_better` of
 * `knuckle.inference.root_error`, `rescaled` of `knuckle.live.hand_size`).
 */
import type { Camera } from "../hand/frame";
import type { TrackingFigures } from "../hand/rig_file";
import type { EstimatedHand } from "./estimator";

/** Of joints whose errors nobody said, in sides of the box. */
const UNKNOWN_RADIUS = 0.1;
const NEAREST_M = 1e-3;

/** A hand brought nearer by how much networks put it too far away, as a whole along the line of sight to its middle. */
export function placedBetter(hand: EstimatedHand, camera: Camera, figures: TrackingFigures): EstimatedHand {
  const signals = signalsOf(hand);
  let farther = figures.farther[0];
  signals.forEach((signal, n) => {
    const [low, high] = figures.range[n];
    farther += figures.farther[n + 1] * Math.min(Math.max(signal, low), high);
  });
  const { joints_m } = hand;
  const share = Math.expm1(-farther);
  const middle = [0, 0, 0];
  for (let n = 0; n < joints_m.length; n++) middle[n % 3] += joints_m[n] / 21;
  const moved = joints_m.map((value, n) => value + share * middle[n % 3]);
  for (let n = 2; n < moved.length; n += 3) {
    if (!(moved[n] > NEAREST_M)) return hand;
  }
  const joints_px = new Float64Array(42);
  for (let joint = 0; joint < 21; joint++) {
    const [x, y, z] = moved.subarray(3 * joint, 3 * joint + 3);
    joints_px[2 * joint] = (camera.fx * x) / z + camera.cx;
    joints_px[2 * joint + 1] = (camera.fy * y) / z + camera.cy;
  }
  return { ...hand, joints_m: moved, joints_px };
}

/** A hand made larger, and moved away with it, so that it looks the same in the picture. */
export function rescaled(hand: EstimatedHand, ratio: number, figures: TrackingFigures): EstimatedHand {
  return {
    ...hand,
    joints_m: hand.joints_m.map((value) => ratio * value),
    shape: hand.shape.map((value, k) => ratio * value + (ratio - 1) * figures.shape_of_mean[k]),
    joint_error_m: hand.joint_error_m.map((value) => ratio * value),
  };
}

/** What tells how exact the distance is: how exact the joints are, how much the hand points at the camera, its size. */
function signalsOf(hand: EstimatedHand): [number, number, number] {
  const side_px = Math.max(hand.box_px[2], hand.box_px[3], 1e-6);
  const radii = Array.from(hand.joint_error_px, (value) => (Number.isNaN(value) ? UNKNOWN_RADIUS * side_px : value));
  radii.sort((a, b) => a - b);
  const extent = [0, 1, 2].map((axis) => deviation(hand.joints_m, axis));
  return [
    Math.log(radii[10] / side_px + 1e-3),
    Math.log((extent[2] + 1e-4) / (Math.hypot(extent[0], extent[1]) + 1e-4)),
    Math.log(side_px / 100),
  ];
}

/** The standard deviation of the joints along an axis. */
function deviation(joints_m: Float64Array, axis: number): number {
  let mean = 0;
  for (let n = axis; n < joints_m.length; n += 3) mean += joints_m[n] / 21;
  let squares = 0;
  for (let n = axis; n < joints_m.length; n += 3) squares += (joints_m[n] - mean) ** 2;
  return Math.sqrt(squares / 21);
}
