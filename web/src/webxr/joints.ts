/**
 * The joints of a hand as WebXR has them, from the rig (Python: `knuckle.animation.openxr`, of which this is the port).
 *
 * At every joint +Z runs along its bone away from the fingertip, so -Z points to the tip; +Y points out of the back of
 * the hand, of a finger out of its nail; +X follows by the right hand. World axes: x right, y up, z towards the camera,
 * which is at the origin.
 */
import type { Hand, Side } from "../hand/frame";
import type { HandRig, Rig } from "../hand/rig";
import { axisAngleToMatrix, multiplyMatrices, turnVector } from "../hand/rotations";
import { JOINT_COUNT, PARENTS, ROTATION_COUNT, ROTATION_JOINTS, SHAPE_COUNT } from "../hand/skeleton";

const FINGERS = ["index-finger", "middle-finger", "ring-finger", "pinky-finger"];
const PARTS = ["metacarpal", "phalanx-proximal", "phalanx-intermediate", "phalanx-distal", "tip"];
/** XRHand's 25 joints in its order. OpenXR's 26 are the same after the palm, which WebXR leaves out. */
export const WEBXR_JOINTS: readonly XRHandJoint[] = [
  "wrist",
  ...["metacarpal", "phalanx-proximal", "phalanx-distal", "tip"].map((part) => `thumb-${part}`),
  ...FINGERS.flatMap((finger) => PARTS.map((part) => `${finger}-${part}`)),
] as XRHandJoint[];
/** The palm is joint 0, then come `WEBXR_JOINTS`. */
export const OPENXR_COUNT = WEBXR_JOINTS.length + 1;

// Tables of OpenXR's 26. The joint of the common order that each one is, -1 where it is derived; and the MANO16 joint
// that carries it.
const FROM_COMMON = [-1, 0, 1, 2, 3, 4, -1, 5, 6, 7, 8, -1, 9, 10, 11, 12, -1, 13, 14, 15, 16, -1, 17, 18, 19, 20];
const OWNERS = [0, 0, 13, 14, 15, 15, 0, 1, 2, 3, 3, 0, 4, 5, 6, 6, 0, 10, 11, 12, 12, 0, 7, 8, 9, 9];
const PALM = 0;
const WRIST = 1;
const MIDDLE_METACARPAL = 11;
const MIDDLE_PROXIMAL = 12;
const DORSAL_THUMB = 15;

/** Lengths of people's metacarpals, index to little finger, and of the carpus before the middle one. */
const METACARPALS_MM = [67.7, 66.1, 58.0, 52.3];
const CARPUS_MM = 25.0;
/** How far the bases of the metacarpals lie apart, of their heads. */
const NARROWING = 0.6;
const WINDOW_M = 5e-3;
const DEEPEST_M = 0.04;

type Vector = [number, number, number];

/** The 26 joints of one hand; arrays that the next call overwrites. */
export interface PlacedJoints {
  /** 26 x 3, metres. */
  positions_m: Float64Array;
  /** 26 x 9, rows: world from joint. */
  rotations: Float64Array;
  /** 26, from each joint to the skin, between the back of the hand and the palm; metres. */
  radii_m: Float64Array;
}

/** Where the 26 joints are in the rest hand of one shape; frame of the rig. */
interface RestJoints {
  shape: number[];
  places: Vector[];
  /** Each joint's axes as the columns of a matrix, in rows. */
  axes: Float64Array[];
  radii_m: Float64Array;
}

/** Gives hands WebXR's joints. */
export class JointPlacer {
  private readonly rest = new Map<Side, RestJoints>();
  private readonly world = new Float64Array(9 * ROTATION_COUNT);
  private readonly turn = new Float64Array(9);
  private readonly offset = new Float64Array(3);
  private readonly placed: PlacedJoints = {
    positions_m: new Float64Array(3 * OPENXR_COUNT),
    rotations: new Float64Array(9 * OPENXR_COUNT),
    radii_m: new Float64Array(OPENXR_COUNT),
  };

  constructor(private readonly rig: Rig) {}

  /** The 26 joints of a hand of this rig. */
  place(hand: Pick<Hand, "side" | "joints_m" | "pose_rad" | "shape">): PlacedJoints {
    const rest = this.restOf(hand.side, hand.shape);
    this.turnBones(hand.pose_rad);
    const { positions_m, rotations, radii_m } = this.placed;
    const { world, offset } = this;
    for (let joint = 0; joint < OPENXR_COUNT; joint++) {
      const common = Math.max(FROM_COMMON[joint], 0);
      const from_wrist = rest.places[joint].map((x, axis) => x - rest.places[WRIST][axis]);
      turnVector(world, 0, from_wrist, 0, offset, 0);
      for (let axis = 0; axis < 3; axis++) {
        const place = (axis === 0 ? 1 : -1) * hand.joints_m[3 * common + axis];
        positions_m[3 * joint + axis] = place + (FROM_COMMON[joint] < 0 ? offset[axis] : 0);
      }
      multiplyMatrices(world, 9 * OWNERS[joint], rest.axes[joint], 0, rotations, 9 * joint);
      radii_m[joint] = rest.radii_m[joint];
    }
    return this.placed;
  }

  /** World-from-joint rotations of the rig's joints. */
  private turnBones(pose_rad: ArrayLike<number>): void {
    const { world, turn } = this;
    for (let joint = 0; joint < ROTATION_COUNT; joint++) {
      axisAngleToMatrix(pose_rad, 3 * joint, turn, 0);
      if (PARENTS[joint] >= 0) {
        multiplyMatrices(world, 9 * PARENTS[joint], turn, 0, world, 9 * joint);
      } else {
        // From the camera's axes (y down, z forward) to the world's.
        for (let entry = 0; entry < 9; entry++) world[entry] = entry < 3 ? turn[entry] : -turn[entry];
      }
    }
  }

  private restOf(side: Side, shape: ArrayLike<number>): RestJoints {
    const known = this.rest.get(side);
    if (known && known.shape.every((value, k) => value === shape[k])) return known;
    const rest = restJoints(this.rig.of(side), Array.from(shape));
    this.rest.set(side, rest);
    return rest;
  }
}

/**
 * The palm lies half way along the middle metacarpal. The bases of the four metacarpals, which the rig does not turn,
 * come from its wrist and knuckles by the lengths of bones in people, scaled to the hand.
 */
function restJoints(rig: HandRig, shape: number[]): RestJoints {
  const { data } = rig;
  const vertices = shaped(data.vertices, data.shapeBasis, shape);
  const rotating = shaped(data.jointRest, data.jointBasis, shape);
  const joints: Vector[] = Array.from({ length: JOINT_COUNT }, () => [0, 0, 0]);
  ROTATION_JOINTS.forEach((common, n) => (joints[common] = at(rotating, n)));
  data.tipVertices.forEach((vertex, finger) => (joints[4 * finger + 4] = at(vertices, vertex)));

  const places = FROM_COMMON.map((common) => joints[Math.max(common, 0)]);
  const palm_m = length(minus(joints[9], joints[0]));
  const along = unit(minus(joints[9], joints[0]));
  const across = cross(minus(joints[5], joints[0]), minus(joints[17], joints[0]));
  const dorsal = times(unit(across), rig.side === "right" ? -1 : 1);
  const middle_m = (palm_m * METACARPALS_MM[1]) / (METACARPALS_MM[1] + CARPUS_MM);
  METACARPALS_MM.forEach((length_mm, finger) => {
    const head = joints[5 + 4 * finger];
    const from_wrist = minus(head, joints[0]);
    const aside = minus(from_wrist, times(along, dot(from_wrist, along)));
    const base = plus(plus(joints[0], times(along, palm_m - middle_m)), times(aside, NARROWING));
    const length_m = (middle_m * length_mm) / METACARPALS_MM[1];
    places[6 + 5 * finger] = minus(head, times(unit(minus(head, base)), length_m));
  });
  places[PALM] = times(plus(places[MIDDLE_METACARPAL], places[MIDDLE_PROXIMAL]), 0.5);

  const axes = places.map((place, joint) => {
    const owner = OWNERS[joint];
    if (joint === PALM) return frame(minus(places[MIDDLE_PROXIMAL], places[MIDDLE_METACARPAL]), dorsal);
    if (joint === WRIST) return frame(minus(places[MIDDLE_METACARPAL], place), dorsal);
    const towards = isTip(joint) ? minus(place, places[joint - 1]) : minus(places[joint + 1], place);
    // Flexion carries a bone towards the palm; of the thumb it is that of its last joint, beneath the nail.
    const bend = at(data.axes, 3 * (owner >= 13 ? DORSAL_THUMB : owner) + 2);
    return frame(towards, owner === 0 ? dorsal : cross(towards, bend));
  });
  const radii_m = Float64Array.from(places, (place, joint) => radius(vertices, place, axes[joint], isTip(joint)));
  return { shape, places, axes, radii_m };
}

function isTip(joint: number): boolean {
  return FROM_COMMON[joint] > 0 && FROM_COMMON[joint] % 4 === 0;
}

/** Axes as columns: -z towards the tip, y as near to `back` as that allows. */
function frame(towards: Vector, back: Vector): Float64Array {
  const z = times(unit(towards), -1);
  const y = unit(minus(back, times(z, dot(back, z))));
  const x = cross(y, z);
  return Float64Array.from([x[0], y[0], z[0], x[1], y[1], z[1], x[2], y[2], z[2]]);
}

/** Half of the hand's thickness where a joint is, between back and palm; of a tip, a little before it. */
function radius(vertices: Float64Array, place: Vector, axes: Float64Array, tip: boolean): number {
  const count = vertices.length / 3;
  const local = new Float64Array(vertices.length);
  let nearest = Infinity;
  for (let vertex = 0; vertex < count; vertex++) {
    const from = minus(at(vertices, vertex), place);
    nearest = Math.min(nearest, length(from));
    for (let axis = 0; axis < 3; axis++) {
      local[3 * vertex + axis] = from[0] * axes[axis] + from[1] * axes[3 + axis] + from[2] * axes[6 + axis];
    }
    if (tip) local[3 * vertex + 2] -= 1.2 * WINDOW_M;
  }
  for (let step = 1; step <= 4; step++) {
    const window = step * WINDOW_M;
    const above: number[] = [];
    const below: number[] = [];
    for (let n = 0; n < local.length; n += 3) {
      if (Math.abs(local[n]) >= window || Math.abs(local[n + 2]) >= window) continue;
      const y = local[n + 1];
      if (Math.abs(y) < DEEPEST_M) (y > 0 ? above : below).push(y);
    }
    if (above.length && below.length) return (median(above) - median(below)) / 2;
  }
  return nearest;
}

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  const half = values.length >> 1;
  return values.length % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

function shaped(rest: ArrayLike<number>, basis: ArrayLike<number>, shape: number[]): Float64Array {
  const out = new Float64Array(rest.length);
  for (let n = 0; n < rest.length; n++) {
    let value = rest[n];
    for (let k = 0; k < SHAPE_COUNT; k++) value += basis[SHAPE_COUNT * n + k] * shape[k];
    out[n] = value;
  }
  return out;
}

function at(values: ArrayLike<number>, row: number): Vector {
  return [values[3 * row], values[3 * row + 1], values[3 * row + 2]];
}

function plus(a: Vector, b: Vector): Vector {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
}

function minus(a: Vector, b: Vector): Vector {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

function times(a: Vector, factor: number): Vector {
  return [factor * a[0], factor * a[1], factor * a[2]];
}

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function length(a: Vector): number {
  return Math.hypot(a[0], a[1], a[2]);
}

function unit(a: Vector): Vector {
  return times(a, 1 / length(a));
}
