/**
 * One step of the fit (Python: `knuckle.rig.fit.solve`, which has the reasons): a finger's angles move that finger's points
 * only, so that the normal equations are solved finger by finger, and the rest by their Schur complement.
 *
 * All arrays of a `Solver` are made once: a step allocates nothing.
 */
import { type FitHand, FitModel, type FitState } from "./fit_model";
import { solvePositive } from "./linear";
import type { HandRig } from "./rig";
import { axisAngleToMatrix, multiplyMatrices, turnVector } from "./rotations";

const NOISE_M = 0.001;
const DEGREE = Math.PI / 180;
const LIMIT_SOFTNESS = 2 * DEGREE;
const ANGLE_SPREAD = 120 * DEGREE;
const LARGEST_TURN = 0.6;
const LARGEST_SHAPE = 6;
/** How much further beyond its limit a step may take an angle. */
const FURTHER_BEYOND = 0.5 * LIMIT_SOFTNESS;
/** Columns that all points share (3 of turn, 3 of translation, 10 of shape), and the residual beside them. */
const SHARED = 16;
const WIDE = SHARED + 1;

/** Poses states of one rig and takes steps. */
export class Solver {
  readonly model: FitModel;
  /** What the last step would take off the cost, at least, if the hand moved as its derivatives say. */
  expected = 0;
  private readonly twist = new Float64Array(9);
  private readonly splay = new Float64Array(9);
  private readonly bend = new Float64Array(9);
  private readonly swing = new Float64Array(9);
  private readonly own = new Float64Array(3);
  private readonly bone = new Float64Array(3);
  private readonly within = new Float64Array(45);
  /** 63 x 17: derivatives by what is shared, then the residual. */
  private readonly beside = new Float64Array(63 * WIDE);
  /** 9 x 9: rows are angles, columns the coordinates of a finger's three points after its root. */
  private readonly moved = new Float64Array(81);
  private readonly blocks = new Float64Array(81);
  /** 5 x 9 x 17, before and after the blocks are solved. */
  private readonly across = new Float64Array(45 * WIDE);
  private readonly solved = new Float64Array(45 * WIDE);
  private readonly whole = new Float64Array(SHARED * WIDE);
  private readonly uphill = new Float64Array(SHARED);
  private readonly shared = new Float64Array(SHARED);
  private readonly anglesStep = new Float64Array(45);

  constructor(rig: HandRig) {
    this.model = new FitModel(rig);
  }

  /**
   * The hand of a state and what it costs. target: 21 x 3 points; roots: 21 x 3 x 3 upper triangular matrices that a
   * point's distance is multiplied with, or null.
   */
  pose(state: FitState, target: Float64Array, roots: Float64Array | null, hand: FitHand): void {
    const { model, twist, splay, bend, swing, own, bone } = this;
    const { points, parents, axes, rotations } = hand;
    rotations.set(state.turn);
    for (let c = 0; c < 3; c++) {
      let place = model.rest[c] + state.translation[c];
      for (let k = 0; k < 10; k++) place += model.restMoves[10 * c + k] * state.shape[k];
      points[c] = place;
    }
    for (let finger = 0; finger < 5; finger++) {
      for (let i = 0; i < 9; i++) parents[36 * finger + i] = state.turn[i];
      for (let level = 0; level < 4; level++) {
        const parent = 36 * finger + 9 * level;
        const number = 4 * finger + level;
        for (let c = 0; c < 3; c++) {
          let length = model.bones[3 * number + c];
          for (let k = 0; k < 10; k++) length += model.boneMoves[30 * number + 10 * c + k] * state.shape[k];
          bone[c] = length;
        }
        turnVector(parents, parent, bone, 0, bone, 0);
        const before = level === 0 ? 0 : 3 * number;
        for (let c = 0; c < 3; c++) points[3 * number + 3 + c] = points[before + c] + bone[c];
        if (level === 3) break;
        const joint = 3 * finger + level;
        this.turnAbout(joint, 0, state.angles, twist);
        this.turnAbout(joint, 1, state.angles, splay);
        this.turnAbout(joint, 2, state.angles, bend);
        multiplyMatrices(bend, 0, splay, 0, swing, 0);
        multiplyMatrices(swing, 0, twist, 0, rotations, 9 * (joint + 1));
        multiplyMatrices(parents, parent, rotations, 9 * (joint + 1), parents, parent + 9);
        turnVector(swing, 0, model.axes, 9 * joint, own, 0);
        turnVector(parents, parent, own, 0, axes, 9 * joint);
        turnVector(bend, 0, model.axes, 9 * joint + 3, own, 0);
        turnVector(parents, parent, own, 0, axes, 9 * joint + 3);
        turnVector(parents, parent, model.axes, 9 * joint + 6, axes, 9 * joint + 6);
      }
    }
    hand.cost = this.costOf(state, target, roots, hand);
  }

  /** The turn about one of a joint's axes, from rest (Rodrigues' formula about a fixed axis). */
  turnAbout(joint: number, angle: number, angles: Float64Array, out: Float64Array): void {
    const { axes, restAngles } = this.model;
    const turn = angles[3 * joint + angle] - restAngles[3 * joint + angle];
    const at = 9 * joint + 3 * angle;
    const x = axes[at];
    const y = axes[at + 1];
    const z = axes[at + 2];
    const s = Math.sin(turn);
    const c = 1 - Math.cos(turn);
    out[0] = 1 - c * (y * y + z * z);
    out[1] = c * x * y - s * z;
    out[2] = c * x * z + s * y;
    out[3] = c * x * y + s * z;
    out[4] = 1 - c * (x * x + z * z);
    out[5] = c * y * z - s * x;
    out[6] = c * x * z - s * y;
    out[7] = c * y * z + s * x;
    out[8] = 1 - c * (x * x + y * y);
  }

  private costOf(state: FitState, target: Float64Array, roots: Float64Array | null, hand: FitHand): number {
    const { beyond, fromStraight, points } = hand;
    let cost = 0;
    for (let point = 0; point < 21; point++) {
      const x = (points[3 * point] - target[3 * point]) / NOISE_M;
      const y = (points[3 * point + 1] - target[3 * point + 1]) / NOISE_M;
      const z = (points[3 * point + 2] - target[3 * point + 2]) / NOISE_M;
      if (roots === null) {
        cost += x * x + y * y + z * z;
      } else {
        const r = 9 * point;
        const a = roots[r] * x + roots[r + 1] * y + roots[r + 2] * z;
        const b = roots[r + 4] * y + roots[r + 5] * z;
        const c = roots[r + 8] * z;
        cost += a * a + b * b + c * c;
      }
    }
    for (let k = 0; k < 10; k++) cost += state.shape[k] * state.shape[k];
    this.model.clamp(state.angles, this.within);
    for (let n = 0; n < 45; n++) {
      beyond[n] = (state.angles[n] - this.within[n]) / LIMIT_SOFTNESS;
      fromStraight[n] = state.angles[n] / ANGLE_SPREAD;
      cost += beyond[n] * beyond[n] + fromStraight[n] * fromStraight[n];
    }
    return cost;
  }

  /**
   * A damped Gauss-Newton step (Levenberg 1944, Marquardt 1963) from a state, whose hand is given: `to` is where it leads,
   * cut where it is too long or leads too far beyond a limit. `expected` says what it promises.
   */
  step(
    state: FitState,
    hand: FitHand,
    target: Float64Array,
    damping: number,
    roots: Float64Array | null,
    to: FitState,
  ): void {
    const { beside, across, solved, whole, uphill, shared, anglesStep } = this;
    this.setShared(hand, target, roots);
    this.setNormal(state, damping);
    for (let finger = 0; finger < 5; finger++) this.solveFinger(finger, hand, roots, damping, beside);
    let expected = 0;
    for (let i = 0; i < SHARED; i++) uphill[i] = whole[WIDE * i + SHARED];
    for (let row = 0; row < 45; row++) {
      for (let i = 0; i < SHARED; i++) {
        const factor = across[WIDE * row + i];
        if (factor === 0) continue;
        // Symmetric: the lower triangle is enough, and the residual's column.
        for (let j = 0; j <= i; j++) whole[WIDE * i + j] -= factor * solved[WIDE * row + j];
        whole[WIDE * i + SHARED] -= factor * solved[WIDE * row + SHARED];
      }
    }
    for (let i = 0; i < SHARED; i++) shared[i] = whole[WIDE * i + SHARED];
    solvePositive(whole, 0, WIDE, SHARED, shared, 0, 1, 1);
    for (let i = 0; i < SHARED; i++) expected += uphill[i] * shared[i];
    for (let row = 0; row < 45; row++) {
      let angle = solved[WIDE * row + SHARED];
      for (let i = 0; i < SHARED; i++) angle -= solved[WIDE * row + i] * shared[i];
      anglesStep[row] = -angle;
      expected += across[WIDE * row + SHARED] * angle;
    }
    this.expected = expected;
    this.move(state, hand, to);
  }

  /** Derivatives of the points by turn, translation and shape, and the residual beside them. */
  private setShared(hand: FitHand, target: Float64Array, roots: Float64Array | null): void {
    const { beside, model } = this;
    const { points, parents } = hand;
    for (let point = 0; point < 21; point++) {
      const at = WIDE * 3 * point;
      const x = points[3 * point] - points[0];
      const y = points[3 * point + 1] - points[1];
      const z = points[3 * point + 2] - points[2];
      beside[at] = 0;
      beside[at + 1] = z / NOISE_M;
      beside[at + 2] = -y / NOISE_M;
      beside[at + WIDE] = -z / NOISE_M;
      beside[at + WIDE + 1] = 0;
      beside[at + WIDE + 2] = x / NOISE_M;
      beside[at + 2 * WIDE] = y / NOISE_M;
      beside[at + 2 * WIDE + 1] = -x / NOISE_M;
      beside[at + 2 * WIDE + 2] = 0;
      // A point moves as its predecessor does, and by its own bone.
      const before = point === 0 || (point - 1) % 4 === 0 ? 0 : point - 1;
      for (let row = 0; row < 3; row++) {
        const line = at + WIDE * row;
        for (let c = 0; c < 3; c++) beside[line + 3 + c] = c === row ? 1 / NOISE_M : 0;
        for (let k = 0; k < 10; k++) {
          let move: number;
          if (point === 0) {
            move = model.restMoves[10 * row + k];
          } else {
            const bone = 30 * (point - 1) + k;
            const parent = 9 * (point - 1) + 3 * row;
            move =
              parents[parent] * model.boneMoves[bone] +
              parents[parent + 1] * model.boneMoves[bone + 10] +
              parents[parent + 2] * model.boneMoves[bone + 20];
          }
          beside[line + 6 + k] = move / NOISE_M;
        }
        beside[line + SHARED] = (points[3 * point + row] - target[3 * point + row]) / NOISE_M;
        if (point > 0) {
          const source = WIDE * (3 * before + row) + 6;
          for (let k = 0; k < 10; k++) beside[line + 6 + k] += beside[source + k];
        }
      }
    }
    if (roots === null) return;
    // Last, as each point's derivatives by the shape stand on its predecessor's.
    for (let point = 0; point < 21; point++) {
      const at = WIDE * 3 * point;
      const r = 9 * point;
      for (let c = 0; c < WIDE; c++) {
        const a = beside[at + c];
        const b = beside[at + WIDE + c];
        const d = beside[at + 2 * WIDE + c];
        beside[at + c] = roots[r] * a + roots[r + 1] * b + roots[r + 2] * d;
        beside[at + WIDE + c] = roots[r + 4] * b + roots[r + 5] * d;
        beside[at + 2 * WIDE + c] = roots[r + 8] * d;
      }
    }
  }

  /** The normal equations of what is shared, with the shape's prior, damped. */
  private setNormal(state: FitState, damping: number): void {
    const { beside, whole } = this;
    whole.fill(0);
    for (let row = 0; row < 63; row++) {
      const line = WIDE * row;
      for (let i = 0; i < SHARED; i++) {
        const factor = beside[line + i];
        if (factor === 0) continue;
        const target = WIDE * i;
        for (let j = 0; j <= i; j++) whole[target + j] += factor * beside[line + j];
        whole[target + SHARED] += factor * beside[line + SHARED];
      }
    }
    for (let i = 0; i < SHARED; i++) {
      const at = WIDE * i + i;
      if (i >= 6) {
        whole[WIDE * i + SHARED] += state.shape[i - 6];
        whole[at] += 1;
      }
      whole[at] = whole[at] * (1 + damping) + 1e-6;
    }
  }

  /** A finger's own equations and its products with what is shared, solved for its angles. */
  private solveFinger(
    finger: number,
    hand: FitHand,
    roots: Float64Array | null,
    damping: number,
    beside: Float64Array,
  ): void {
    const { moved, blocks, across, solved } = this;
    const { points, axes, beyond, fromStraight } = hand;
    moved.fill(0);
    for (let level = 0; level < 3; level++) {
      const pivot = 3 * (4 * finger + 1 + level);
      for (let angle = 0; angle < 3; angle++) {
        const axis = 27 * finger + 9 * level + 3 * angle;
        const row = 9 * (3 * level + angle);
        for (let point = level; point < 3; point++) {
          const place = 3 * (4 * finger + 2 + point);
          const x = (points[place] - points[pivot]) / NOISE_M;
          const y = (points[place + 1] - points[pivot + 1]) / NOISE_M;
          const z = (points[place + 2] - points[pivot + 2]) / NOISE_M;
          // The axis cross the lever.
          const dx = axes[axis + 1] * z - axes[axis + 2] * y;
          const dy = axes[axis + 2] * x - axes[axis] * z;
          const dz = axes[axis] * y - axes[axis + 1] * x;
          const at = row + 3 * point;
          if (roots === null) {
            moved[at] = dx;
            moved[at + 1] = dy;
            moved[at + 2] = dz;
          } else {
            const r = 9 * (4 * finger + 2 + point);
            moved[at] = roots[r] * dx + roots[r + 1] * dy + roots[r + 2] * dz;
            moved[at + 1] = roots[r + 4] * dy + roots[r + 5] * dz;
            moved[at + 2] = roots[r + 8] * dz;
          }
        }
      }
    }
    const first = 3 * (4 * finger + 2);
    for (let i = 0; i < 9; i++) {
      const own = 9 * finger + i;
      // Points nearer to the root than the joint do not move.
      const from = 3 * Math.floor(i / 3);
      for (let j = 0; j <= i; j++) {
        let sum = 0;
        for (let c = from; c < 9; c++) sum += moved[9 * i + c] * moved[9 * j + c];
        blocks[9 * i + j] = sum;
      }
      const strict = beyond[own] !== 0 ? 1 : 0;
      const stiff = 1 / (ANGLE_SPREAD * ANGLE_SPREAD) + strict / (LIMIT_SOFTNESS * LIMIT_SOFTNESS);
      blocks[10 * i] = (blocks[10 * i] + stiff) * (1 + damping) + 1e-6;
      const line = WIDE * own;
      for (let c = 0; c < WIDE; c++) across[line + c] = 0;
      for (let c = from; c < 9; c++) {
        const factor = moved[9 * i + c];
        const source = WIDE * (first + c);
        for (let k = 0; k < WIDE; k++) across[line + k] += factor * beside[source + k];
      }
      across[line + SHARED] += beyond[own] / LIMIT_SOFTNESS + fromStraight[own] / ANGLE_SPREAD;
      for (let c = 0; c < WIDE; c++) solved[line + c] = across[line + c];
    }
    solvePositive(blocks, 0, 9, 9, solved, WIDE * 9 * finger, WIDE, WIDE);
  }

  /** The state after the step, which is cut where it is too long; angles go at most a degree further beyond limits. */
  private move(state: FitState, hand: FitHand, to: FitState): void {
    const { shared, anglesStep, within } = this;
    // What the sum of the squares had: down the slope.
    for (let c = 0; c < 3; c++) this.own[c] = -shared[c];
    axisAngleToMatrix(this.own, 0, this.swing, 0);
    multiplyMatrices(this.swing, 0, state.turn, 0, to.turn, 0);
    for (let c = 0; c < 3; c++) to.translation[c] = state.translation[c] - shared[3 + c];
    for (let k = 0; k < 10; k++) {
      to.shape[k] = Math.min(Math.max(state.shape[k] - shared[6 + k], -LARGEST_SHAPE), LARGEST_SHAPE);
    }
    for (let n = 0; n < 45; n++) {
      to.angles[n] = state.angles[n] + Math.min(Math.max(anglesStep[n], -LARGEST_TURN), LARGEST_TURN);
    }
    this.model.clamp(to.angles, within);
    for (let n = 0; n < 45; n++) {
      const allowed = Math.abs(hand.beyond[n]) * LIMIT_SOFTNESS + FURTHER_BEYOND;
      to.angles[n] = within[n] + Math.min(Math.max(to.angles[n] - within[n], -allowed), allowed);
    }
  }
}
