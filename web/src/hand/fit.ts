/**
 * Inverse kinematics: pose, shape and place of the rig from 21 joints in metres (Python: `knuckle.rig.fit.joints`).
 *
 * An analytic start (shape from bone lengths, palm by Kabsch, each finger from its root outwards), or the hand of the
 * frame before, then a few Levenberg-Marquardt steps over anatomical angles, with joint limits and a unit normal shape as
 * soft priors.
 */
import { FitHand, FitState, POINT_JOINTS } from "./fit_model";
import { type FitStart, Starter } from "./fit_start";
import type { Side } from "./frame";
import { upperRoot } from "./linear";
import { checkCount, type HandRig, type Rig } from "./rig";
import { matrixToAxisAngle } from "./rotations";
import { Solver } from "./solve";

/** A rig fitted to joints: `rig.pose(side, pose_rad, shape, translation_m)` gives the hand. */
export interface FitResult {
  /** 16 x 3 axis-angle radians. */
  pose_rad: Float64Array;
  /** 10. */
  shape: Float64Array;
  /** 3, metres. */
  translation_m: Float64Array;
  /** Mean distance of the fitted joints from the given ones. */
  residual_m: number;
  /** 21 x 3: the fitted joints, common order. */
  joints_m: Float64Array;
}

export interface FitOptions {
  /** Whose rig is fitted; a right one's without it. */
  side?: Side;
  /**
   * How much the squared distance of each joint counts, against 1 for a joint known to a millimetre: 21 numbers, or 21
   * positive definite 3 x 3 matrices (`rayWeights`). All 1 without it.
   */
  weights?: ArrayLike<number>;
  /** What the hand was like in the frame before: few steps are left then. */
  start?: FitStart | null;
}

const LARGEST_HAND_M = 2;
const MOST_STEPS = 12;
/** A hand is done when neither the step it took nor the one its derivatives promised takes away this share of its cost. */
const LEAST_GAIN = 0.005;
const FIRST_DAMPING = 0.1;
/** The same of hands that start from what they were. */
const WARM_LEAST_GAIN = 0.05;
const WARM_DAMPING = 0.01;
const fitters = new WeakMap<HandRig, Fitter>();

/**
 * Pose, shape and translation of the rig of a side whose 21 joints (common order, metres, 63 numbers) come nearest.
 *
 * Fingers bend within their limits but for a soft margin; what the joints leave open stays near the middle. Throws an
 * `Error` with one sentence for another number of joints, NaN or infinity, joints farther apart than a hand's in metres
 * can be, and weights that are not positive. A start that is not finite counts as none.
 */
export function fitJoints(rig: Rig, joints_m: ArrayLike<number>, options: FitOptions = {}): FitResult {
  const own = rig.of(options.side ?? "right");
  let fitter = fitters.get(own);
  if (fitter === undefined) fitters.set(own, (fitter = new Fitter(own)));
  return fitter.fit(joints_m, options);
}

/**
 * Weights of joints in the camera's frame whose places a picture shows better than their depths: 21 x 3 x 3.
 *
 * across: of distances from the ray from the camera through the joint; along: of distances along it.
 */
export function rayWeights(joints_m: ArrayLike<number>, across: number, along: number): Float64Array {
  const weights = new Float64Array(189);
  for (let joint = 0; joint < 21; joint++) {
    const x = joints_m[3 * joint];
    const y = joints_m[3 * joint + 1];
    const z = joints_m[3 * joint + 2];
    const inverse = 1 / Math.sqrt(x * x + y * y + z * z);
    const ray = [x * inverse, y * inverse, z * inverse];
    for (let row = 0; row < 3; row++) {
      for (let c = 0; c < 3; c++) {
        weights[9 * joint + 3 * row + c] = (row === c ? across : 0) + (along - across) * ray[row] * ray[c];
      }
    }
  }
  return weights;
}

/** A fit's arrays, made once a rig. */
class Fitter {
  private readonly solver: Solver;
  private readonly target = new Float64Array(63);
  private readonly weights = new Float64Array(189);
  private readonly roots = new Float64Array(189);
  private readonly centre = new Float64Array(3);
  private state = new FitState();
  private candidate = new FitState();
  private hand = new FitHand();
  private tried = new FitHand();
  private readonly starter: Starter;

  constructor(rig: HandRig) {
    this.solver = new Solver(rig);
    this.starter = new Starter(rig, this.solver);
  }

  fit(joints: ArrayLike<number>, options: FitOptions): FitResult {
    const { target, centre, solver } = this;
    this.setTarget(joints);
    const roots = options.weights === undefined ? null : this.setRoots(options.weights);
    const start = options.start ?? null;
    if (start !== null) {
      checkCount("start", start.pose_rad, 48);
      checkCount("start", start.shape, 10);
    }
    const warm = start !== null && start.pose_rad.every(Number.isFinite) && start.shape.every(Number.isFinite);
    if (warm) this.starter.setWarm(start, target, this.state);
    else this.starter.setAnalytic(target, this.state);
    solver.pose(this.state, target, roots, this.hand);
    // A start that is not known still sets the pace, as where hands of both kinds are fitted at once.
    let damping = start === null ? FIRST_DAMPING : WARM_DAMPING;
    const least = start === null ? LEAST_GAIN : WARM_LEAST_GAIN;
    for (let step = 0; step < MOST_STEPS; step++) {
      solver.step(this.state, this.hand, target, damping, roots, this.candidate);
      solver.pose(this.candidate, target, roots, this.tried);
      const cost = Math.max(this.hand.cost, 1e-12);
      const gained = 1 - this.tried.cost / cost;
      const better = gained > 0;
      if (better) {
        [this.state, this.candidate] = [this.candidate, this.state];
        [this.hand, this.tried] = [this.tried, this.hand];
      }
      if (!(Math.max(gained, solver.expected / cost) > least)) break;
      damping = Math.min(Math.max(better ? damping * 0.2 : damping * 10, 1e-7), 1e4);
    }
    return this.result(centre);
  }

  private result(centre: Float64Array): FitResult {
    const { hand, state, target } = this;
    const pose = new Float64Array(48);
    for (let joint = 0; joint < 16; joint++) matrixToAxisAngle(hand.rotations, 9 * joint, pose, 3 * joint);
    const joints = new Float64Array(63);
    let residual = 0;
    for (let point = 0; point < 21; point++) {
      let squared = 0;
      for (let c = 0; c < 3; c++) {
        const value = hand.points[3 * point + c];
        squared += (value - target[3 * point + c]) ** 2;
        joints[3 * POINT_JOINTS[point] + c] = value + centre[c];
      }
      residual += Math.sqrt(squared) / 21;
    }
    return {
      pose_rad: pose,
      shape: state.shape.slice(),
      translation_m: state.translation.map((value, c) => value + centre[c]),
      residual_m: residual,
      joints_m: joints,
    };
  }

  /** The joints as points round their middle: far from the origin they would cost digits. */
  private setTarget(joints: ArrayLike<number>): void {
    checkCount("joints_m", joints, 63);
    const { target, centre } = this;
    for (let c = 0; c < 3; c++) {
      let low = Infinity;
      let high = -Infinity;
      let sum = 0;
      for (let joint = 0; joint < 21; joint++) {
        const value = joints[3 * joint + c];
        if (!Number.isFinite(value)) {
          throw new Error("joints_m: expected finite numbers in metres, got NaN or infinity");
        }
        low = Math.min(low, value);
        high = Math.max(high, value);
        sum += value;
      }
      if (high - low > LARGEST_HAND_M) {
        throw new Error(`joints_m: expected a hand in metres, got one of extent ${(high - low).toPrecision(3)}`);
      }
      centre[c] = sum / 21;
    }
    for (let point = 0; point < 21; point++) {
      for (let c = 0; c < 3; c++) target[3 * point + c] = joints[3 * POINT_JOINTS[point] + c] - centre[c];
    }
  }

  private setRoots(given: ArrayLike<number>): Float64Array {
    const { weights, roots } = this;
    if (given.length !== 21 && given.length !== 189) {
      throw new Error(`weights: expected 21 numbers or 21 matrices (189 numbers), got ${given.length}`);
    }
    for (let n = 0; n < given.length; n++) {
      if (!Number.isFinite(given[n])) throw new Error("weights: expected finite numbers, got NaN or infinity");
    }
    for (let point = 0; point < 21; point++) {
      const joint = POINT_JOINTS[point];
      for (let i = 0; i < 9; i++) {
        weights[9 * point + i] = given.length === 189 ? given[9 * joint + i] : i % 4 === 0 ? given[joint] : 0;
      }
      if (!upperRoot(weights, 9 * point, roots, 9 * point)) {
        throw new Error("weights: expected positive numbers or positive definite matrices");
      }
    }
    return roots;
  }
}
