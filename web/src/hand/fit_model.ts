/**
 * The rig as the fit sees it (Python: `knuckle.rig.fit.solve`): 21 points on rigid bones, angles with limits.
 *
 * Points are the wrist, then finger by finger in the rotations' order (index, middle, pinky, ring, thumb), each from its
 * root to its tip. Angles are those of `limits.ts` without the wrist's: finger, level from the root, (twist, splay, bend),
 * 45 in all.
 */
import type { HandRig } from "./rig";

/** The joint, in the common order, of each of the 21 points. */
export const POINT_JOINTS: readonly number[] = [0, ...[1, 2, 4, 3, 0].flatMap((finger) => [1, 2, 3, 4].map((part) => 4 * finger + part))];

/** Constants of a rig. */
export class FitModel {
  /** 21 x 3 and 21 x 3 x 10: the points at rest and how the shape moves them. */
  readonly rest = new Float64Array(63);
  readonly restMoves = new Float64Array(630);
  /** 20 x 3 and 20 x 3 x 10: from each point's predecessor, the wrist before the fingers' roots. */
  readonly bones = new Float64Array(60);
  readonly boneMoves = new Float64Array(600);
  /** 15 x 3 x 3, 15, 45: of the fingers' joints. */
  readonly axes: Float64Array;
  readonly handed: Float64Array;
  readonly restAngles: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** The splay to which each of four fingers returns when it bends. */
  readonly splayAtRest = new Float64Array(4);

  constructor(rig: HandRig) {
    const { data } = rig;
    for (let point = 0; point < 21; point++) {
      const finger = Math.floor((point - 1) / 4);
      const isTip = point > 0 && (point - 1) % 4 === 3;
      const tip = data.tipVertices[Math.floor((POINT_JOINTS[point] - 1) / 4)];
      const joint = point === 0 ? 0 : 1 + 3 * finger + ((point - 1) % 4);
      for (let c = 0; c < 3; c++) {
        this.rest[3 * point + c] = isTip ? data.vertices[3 * tip + c] : data.jointRest[3 * joint + c];
        for (let k = 0; k < 10; k++) {
          this.restMoves[30 * point + 10 * c + k] = isTip
            ? data.shapeBasis[30 * tip + 10 * c + k]
            : data.jointBasis[30 * joint + 10 * c + k];
        }
      }
    }
    for (let bone = 0; bone < 20; bone++) {
      const point = bone + 1;
      const before = bone % 4 === 0 ? 0 : point - 1;
      for (let c = 0; c < 3; c++) this.bones[3 * bone + c] = this.rest[3 * point + c] - this.rest[3 * before + c];
      for (let c = 0; c < 30; c++) {
        this.boneMoves[30 * bone + c] = this.restMoves[30 * point + c] - this.restMoves[30 * before + c];
      }
    }
    this.axes = data.axes.slice(9);
    this.handed = data.handed.slice(1);
    this.restAngles = data.restAngles.slice(3);
    this.low = data.anglesLow.slice(3);
    this.high = data.anglesHigh.slice(3);
    for (let finger = 0; finger < 4; finger++) {
      const splay = 9 * finger + 1;
      this.splayAtRest[finger] = Math.min(Math.max(this.restAngles[splay], this.low[splay]), this.high[splay]);
    }
  }

  /** Nearest angles within the limits; the more a finger is bent at its root, the less it may splay. */
  clamp(angles: Float64Array, out: Float64Array): void {
    for (let n = 0; n < 45; n++) out[n] = Math.min(Math.max(angles[n], this.low[n]), this.high[n]);
    for (let finger = 0; finger < 4; finger++) {
      const splay = 9 * finger + 1;
      const room = Math.min(Math.max(1 - out[splay + 1] / (Math.PI / 2), 0), 1);
      const rest = this.splayAtRest[finger];
      const low = rest + room * (this.low[splay] - rest);
      const high = rest + room * (this.high[splay] - rest);
      out[splay] = Math.min(Math.max(out[splay], low), high);
    }
  }
}

/** What is fitted. */
export class FitState {
  /** 3 x 3. */
  readonly turn = new Float64Array(9);
  /** 5 x 3 x 3. */
  readonly angles = new Float64Array(45);
  readonly shape = new Float64Array(10);
  /** Metres. */
  readonly translation = new Float64Array(3);

  copy(other: FitState): void {
    this.turn.set(other.turn);
    this.angles.set(other.angles);
    this.shape.set(other.shape);
    this.translation.set(other.translation);
  }
}

/** The hand of a state. */
export class FitHand {
  /** 21 x 3, metres. */
  readonly points = new Float64Array(63);
  /** 5 x 4 x 3 x 3: rotations of what each finger's bones hang on. */
  readonly parents = new Float64Array(180);
  /** 5 x 3 x 3 x 3: axes about which the angles turn. */
  readonly axes = new Float64Array(135);
  /** 16 x 3 x 3, relative to the parents. */
  readonly rotations = new Float64Array(144);
  /** 45, in standard deviations: beyond the limits, and from straight. */
  readonly beyond = new Float64Array(45);
  readonly fromStraight = new Float64Array(45);
  cost = 0;
}
