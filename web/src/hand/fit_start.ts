/** Where a fit starts (Python: `knuckle.rig.fit.joints`): read off the joints, or the hand of the frame before. */
import type { FitState } from "./fit_model";
import { poseToAngles, swingAngles } from "./limits";
import { nearestRotation, solvePositive } from "./linear";
import type { HandRig } from "./rig";
import { multiplyMatrices, turnVector, wrapped } from "./rotations";
import type { Solver } from "./solve";

/** What a hand was like a moment ago, to start a fit from; its wrist's rotation does not count. */
export interface FitStart {
  /** 16 x 3 rotation vectors, of the rig of the hand's side. */
  pose_rad: Float64Array;
  /** 10. */
  shape: Float64Array;
}

/** The wrist and the fingers' roots, and what they count when the palm is laid on. */
const PALM = [0, 1, 5, 9, 13, 17];
const PALM_SHARES = [1, 1, 1, 1, 1, 0.1].map((weight) => weight / 5.1);
/** Distances that bending leaves alone: the bones of thumb to little finger as points stand, and those across the palm. */
const LENGTHS: readonly (readonly [number, number])[] = [
  ...Array.from({ length: 20 }, (_, bone) => [bone % 4 === 0 ? 0 : bone, bone + 1] as const),
  [1, 5],
  [5, 13],
  [13, 9],
  [1, 9],
  [17, 1],
];
const LENGTH_NOISE_M = 0.002;

/** Sets states near given points (21 x 3, in the fit's order); its arrays are made once a rig. */
export class Starter {
  private readonly shaped = new Float64Array(63);
  private readonly lengths = new Float64Array(25);
  /** 10 x 25: reads a shape off differences of lengths. */
  private readonly inverse = new Float64Array(250);
  private readonly covariance = new Float64Array(9);
  private readonly angles16 = new Float64Array(48);
  private readonly within = new Float64Array(45);
  private readonly world = new Float64Array(9);
  private readonly turned = new Float64Array(9);
  private readonly about = new Float64Array(9);
  private readonly direction = new Float64Array(3);
  private readonly ownDirection = new Float64Array(3);
  private readonly swung = new Float64Array(2);
  private readonly ownSwung = new Float64Array(2);

  constructor(
    private readonly rig: HandRig,
    private readonly solver: Solver,
  ) {
    this.setLengthModel();
  }

  /** The start's fingers and shape on a palm laid onto the given one. */
  setWarm(start: FitStart, target: Float64Array, state: FitState): void {
    poseToAngles(this.rig, start.pose_rad, this.angles16);
    state.angles.set(this.angles16.subarray(3));
    state.shape.set(start.shape);
    this.setShaped(state);
    this.layPalm(target, state);
  }

  /** Degenerate joints (on a line, all one) give some finite start. */
  setAnalytic(target: Float64Array, state: FitState): void {
    const { lengths, inverse } = this;
    state.shape.fill(0);
    for (let n = 0; n < LENGTHS.length; n++) {
      const [from, to] = LENGTHS[n];
      const away = distance(target, from, to) - lengths[n];
      for (let k = 0; k < 10; k++) state.shape[k] += inverse[25 * k + n] * away;
    }
    for (let k = 0; k < 10; k++) state.shape[k] = Math.min(Math.max(state.shape[k], -4), 4);
    this.setShaped(state);
    this.layPalm(target, state);
    this.bendFingers(target, state);
  }

  /** Points of the state's shape at rest. */
  private setShaped(state: FitState): void {
    const { rest, restMoves } = this.solver.model;
    for (let n = 0; n < 63; n++) {
      let value = rest[n];
      for (let k = 0; k < 10; k++) value += restMoves[10 * n + k] * state.shape[k];
      this.shaped[n] = value;
    }
  }

  /** Turn and translation that lay the palm at rest onto the given one. */
  private layPalm(target: Float64Array, state: FitState): void {
    const { shaped, covariance, direction, ownDirection } = this;
    direction.fill(0);
    ownDirection.fill(0);
    for (let n = 0; n < 6; n++) {
      for (let c = 0; c < 3; c++) {
        direction[c] += PALM_SHARES[n] * target[3 * PALM[n] + c];
        ownDirection[c] += PALM_SHARES[n] * shaped[3 * PALM[n] + c];
      }
    }
    covariance.fill(0);
    for (let n = 0; n < 6; n++) {
      for (let row = 0; row < 3; row++) {
        const there = PALM_SHARES[n] * (target[3 * PALM[n] + row] - direction[row]);
        for (let c = 0; c < 3; c++) {
          covariance[3 * row + c] += there * (shaped[3 * PALM[n] + c] - ownDirection[c]);
        }
      }
    }
    nearestRotation(covariance, state.turn, 0);
    // The wrist joint is where the hand turns about, so it stays at its rest place.
    for (let c = 0; c < 3; c++) ownDirection[c] -= shaped[c];
    turnVector(state.turn, 0, ownDirection, 0, ownDirection, 0);
    for (let c = 0; c < 3; c++) state.translation[c] = direction[c] - ownDirection[c] - shaped[c];
  }

  /** Each joint bends and splays so that its bone points where the given one does, as far as it may. */
  private bendFingers(target: Float64Array, state: FitState): void {
    const { solver, shaped, world, turned, about, direction, ownDirection, swung, ownSwung } = this;
    const { model } = solver;
    const { angles } = state;
    // Limits of one joint do not depend on the others', so that fingers are done one after the other; all but the roots
    // bend from angles within their limits.
    model.clamp(model.restAngles, angles);
    for (let finger = 0; finger < 5; finger++) {
      for (let n = 9 * finger; n < 9 * finger + 3; n++) angles[n] = model.restAngles[n];
    }
    for (let finger = 0; finger < 5; finger++) {
      world.set(state.turn);
      for (let level = 0; level < 3; level++) {
        const joint = 3 * finger + level;
        const point = 4 * finger + 1 + level;
        unitBetween(target, point, point + 1, direction);
        unitBetween(shaped, point, point + 1, ownDirection);
        const axis = 9 * joint;
        // A mirrored rig's twist axes point towards the wrist (they mirror as axes of rotation).
        const forward = Math.sign(
          ownDirection[0] * model.axes[axis] +
            ownDirection[1] * model.axes[axis + 1] +
            ownDirection[2] * model.axes[axis + 2],
        );
        for (let c = 0; c < 3; c++) ownDirection[c] *= forward;
        swingAngles(ownDirection, 0, model.axes, axis, model.handed[joint], ownSwung);
        // In the axes of the joint's parent.
        const [x, y, z] = direction;
        for (let c = 0; c < 3; c++) direction[c] = forward * (x * world[c] + y * world[3 + c] + z * world[6 + c]);
        swingAngles(direction, 0, model.axes, axis, model.handed[joint], swung);
        angles[3 * joint + 1] += swung[0] - ownSwung[0];
        angles[3 * joint + 2] += wrapped(swung[1] - ownSwung[1]);
        model.clamp(angles, this.within);
        angles.set(this.within.subarray(3 * joint, 3 * joint + 3), 3 * joint);
        for (let turn = 2; turn >= 0 && level < 2; turn--) {
          solver.turnAbout(joint, turn, angles, about);
          multiplyMatrices(world, 0, about, 0, turned, 0);
          world.set(turned);
        }
      }
    }
  }

  /** Mean lengths, and the ridge solution that reads a shape off their differences. */
  private setLengthModel(): void {
    const { rest, restMoves } = this.solver.model;
    const slope = new Float64Array(250);
    for (let n = 0; n < 25; n++) {
      const [from, to] = LENGTHS[n];
      this.lengths[n] = distance(rest, from, to);
      for (let k = 0; k < 10; k++) {
        let sum = 0;
        for (let c = 0; c < 3; c++) {
          const end = (rest[3 * to + c] - rest[3 * from + c]) / Math.max(this.lengths[n], 1e-9);
          sum += end * (restMoves[30 * to + 10 * c + k] - restMoves[30 * from + 10 * c + k]);
        }
        slope[10 * n + k] = sum;
        this.inverse[25 * k + n] = sum;
      }
    }
    const system = new Float64Array(100);
    for (let i = 0; i < 10; i++) {
      for (let j = 0; j < 10; j++) {
        let sum = i === j ? LENGTH_NOISE_M ** 2 : 0;
        for (let n = 0; n < 25; n++) sum += slope[10 * n + i] * slope[10 * n + j];
        system[10 * i + j] = sum;
      }
    }
    solvePositive(system, 0, 10, 10, this.inverse, 0, 25, 25);
  }
}

function distance(points: ArrayLike<number>, from: number, to: number): number {
  const x = points[3 * to] - points[3 * from];
  const y = points[3 * to + 1] - points[3 * from + 1];
  const z = points[3 * to + 2] - points[3 * from + 2];
  return Math.sqrt(x * x + y * y + z * z);
}

function unitBetween(points: ArrayLike<number>, from: number, to: number, out: Float64Array): void {
  const length = Math.max(distance(points, from, to), 1e-9);
  for (let c = 0; c < 3; c++) out[c] = (points[3 * to + c] - points[3 * from + c]) / length;
}
