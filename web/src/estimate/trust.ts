/**
 * How far to trust the landmark network: its joints brought to ours, and its share in each joint of a hand
 * (Python: `knuckle.inference.trust`, where the figures of evidence.json were learnt).
 */
import { JOINT_COUNT } from "../hand/skeleton";
import { extent } from "./affine";
import { longerSide, overlap } from "./boxes";
import type { Evidence } from "./evidence";
import { centred, clip, distances, flat, type Lens, logit, mean, middle, norm, palmLength, sigmoid, spread } from "./joints";

/** Of a hand, in the order in which `signalsOf` gives them. */
const SIGNALS = ["presence", "side", "box", "own 3D", "our box", "our branches", "apart"] as const;
/** Wrist, MCP, PIP, DIP, tip; the thumb's CMC apart. */
const CLASSES = ["W", "M", "P", "D", "T", "CMC"] as const;
const CLASS_OF_JOINT = Array.from({ length: JOINT_COUNT }, (_, joint) => (joint === 0 ? 0 : joint === 1 ? 5 : ((joint - 1) % 4) + 1));
/** The odds of a share are multiplied by 1 and by so much a box's side that the two answers lie apart. */
const SHARPNESS = 5;
/** From where to where each joint's own axis points: along its bones, the wrist's to the middle finger. */
const PARENT = [0, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19];
const CHILD = [9, 2, 3, 4, 4, 6, 7, 8, 8, 10, 11, 12, 12, 14, 15, 16, 16, 18, 19, 20, 20];
/** Boxes that fit better tell no more. */
const LARGEST_IOU = 0.9;

/** An answer to a hand: joints in the picture, px, and in metres, anywhere, axes of the camera. */
export interface View {
  px: Float64Array;
  m: Float64Array;
}

interface OddsTable {
  signals: Record<string, number>;
  classes: Record<string, number>;
}

/** evidence.json. */
export interface EvidenceTable {
  systems: Record<string, { picture: OddsTable; depth: OddsTable }>;
  /** Of a two-hand against a one-hand system, by their names joined by "+". */
  merge?: Record<string, { picture: OddsTable; depth: OddsTable }>;
  /** 21 x 3, in palm lengths and each joint's own axes. */
  picture_offsets: number[][];
  offsets: number[][];
}

/** Logarithm of the odds by which one answer's joints count against another's, as the landmark network's against ours. */
export class Odds {
  private readonly slopes: number[];
  private readonly classes: number[];

  /** signals: names of what `share` is given, in that order. */
  constructor(table: OddsTable, signals: readonly string[]) {
    this.slopes = signals.map((name) => table.signals?.[name]);
    this.classes = CLASSES.map((name) => table.classes?.[name]);
    if (![...this.slopes, ...this.classes].every((value) => Number.isFinite(value))) {
      throw new Error("evidence.json: expected odds by signal and class of joint, some are missing");
    }
  }

  /** The first answer's share in each joint, 0 to 1. apart: how far the two answers lie apart, over the box's side. */
  share(signals: readonly number[], apart: number): Float64Array {
    const odds = signals.reduce((sum, signal, i) => sum + signal * this.slopes[i], 0);
    const sharpness = 1 + SHARPNESS * apart;
    return Float64Array.from(CLASS_OF_JOINT, (each) => sigmoid((odds + this.classes[each]) * sharpness));
  }
}

/** Figures of one system beside the landmark network. */
export class Trust {
  readonly picture: Odds;
  readonly depth: Odds;
  private readonly offsets: number[][];
  private readonly pictureOffsets: number[][];

  /** system: the record's name; the standard figures count where it has none of its own. */
  constructor(table: EvidenceTable, system: string) {
    const own = table.systems?.[system] ?? table.systems?.standard;
    if (!own || table.offsets?.length !== JOINT_COUNT || table.picture_offsets?.length !== JOINT_COUNT) {
      throw new Error("evidence.json: expected figures of systems and offsets of 21 joints");
    }
    this.picture = new Odds(own.picture, SIGNALS);
    this.depth = new Odds(own.depth, SIGNALS);
    this.offsets = table.offsets;
    this.pictureOffsets = table.picture_offsets;
  }

  /** The landmark network's joints, moved to where ours are in a hand, in the camera's axes. */
  ourJoints(evidence: Evidence, lens: Lens): View {
    const { joints_px, joints_m: world } = evidence;
    const palm = palmLength(world);
    const axes = jointAxes(world);
    const perM = spread(joints_px, 2) / spread(flat(world), 2);
    const turn = fromLineOfSight(joints_px, lens);
    const px = joints_px.slice();
    const m = new Float64Array(3 * JOINT_COUNT);
    for (let joint = 0; joint < JOINT_COUNT; joint++) {
      const moved = [0, 0, 0];
      for (let row = 0; row < 3; row++) {
        for (let column = 0; column < 3; column++) {
          const axis = palm * axes[9 * joint + 3 * row + column];
          moved[row] += axis * this.offsets[joint][column];
          if (row < 2) px[2 * joint + row] += perM * axis * this.pictureOffsets[joint][column];
        }
        moved[row] += world[3 * joint + row];
      }
      for (let row = 0; row < 3; row++) {
        m[3 * joint + row] = turn[3 * row] * moved[0] + turn[3 * row + 1] * moved[1] + turn[3 * row + 2] * moved[2];
      }
    }
    return { px, m };
  }
}

/**
 * What tells how good either answer to a right hand is.
 *
 * ourSpread: mean distance of our answer's own branches from each other in the picture, over the longer side of the box.
 */
export function signalsOf(seen: View, ours: View, evidence: Evidence, ourSpread: number): number[] {
  return [
    logit(evidence.presence),
    logit(evidence.right),
    boxOverlap(seen.px, evidence.box_px),
    Math.log(offItself(evidence) + 1e-3),
    boxOverlap(ours.px, evidence.box_px),
    Math.log(ourSpread + 1e-2),
    Math.log(apart(seen, ours, evidence) + 1e-2),
  ];
}

/** Mean distance of the landmark network's joints in the picture from those of its own 3D hand, over the box's side. */
export function offItself(evidence: Evidence): number {
  const own = centred(flat(evidence.joints_m), 2);
  const px = centred(evidence.joints_px, 2);
  const scale = own.reduce((sum, value, i) => sum + value * px[i], 0) / Math.max(norm(own) ** 2, 1e-12);
  const off = mean(distances(own.map((value) => scale * value), px, 2));
  return off / Math.max(longerSide(evidence.box_px), 1e-9);
}

/** Mean distance of two answers in the picture, over the longer side of the box. */
export function apart(seen: View, ours: View, evidence: Evidence): number {
  return mean(distances(seen.px, ours.px, 2)) / longerSide(evidence.box_px);
}

/** Intersection over union of the joints' box with the given one, at most `LARGEST_IOU`. */
export function boxOverlap(joints_px: Float64Array, box_px: Float64Array): number {
  return Math.min(overlap(extent(joints_px), box_px), LARGEST_IOU);
}

/** Axes of each joint, in columns of 21 3 x 3 matrices: along its finger, across it, and out of the back or the palm. */
function jointAxes(joints_m: Float64Array): Float64Array {
  const from = (joint: number, other: number) => [0, 1, 2].map((k) => joints_m[3 * joint + k] - joints_m[3 * other + k]);
  const normal = unit(cross(from(5, 0), from(17, 0)));
  const axes = new Float64Array(9 * JOINT_COUNT);
  for (let joint = 0; joint < JOINT_COUNT; joint++) {
    const along = unit(from(CHILD[joint], PARENT[joint]));
    const dot = normal[0] * along[0] + normal[1] * along[1] + normal[2] * along[2];
    const across = unit(cross(normal.map((value, k) => value - dot * along[k]), along));
    const out = cross(along, across);
    for (let k = 0; k < 3; k++) axes.set([along[k], across[k], out[k]], 9 * joint + 3 * k);
  }
  return axes;
}

/** The shortest rotation that turns the camera's axis towards the middle of a hand; the network sees it straight on. */
function fromLineOfSight(joints_px: Float64Array, lens: Lens): number[] {
  const [u, v] = middle(joints_px, 2);
  const [rayX, rayY] = [(u - lens.cx) / lens.fx, (v - lens.cy) / lens.fy];
  const length = Math.hypot(rayX, rayY, 1);
  const [x, y, z] = [rayX / length, rayY / length, 1 / length];
  const share = 1 / (1 + z);
  return [1 - x * x * share, -x * y * share, x, -x * y * share, 1 - y * y * share, y, -x, -y, 1 - (x * x + y * y) * share];
}

function cross(a: readonly number[], b: readonly number[]): number[] {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function unit(vector: readonly number[]): number[] {
  const length = Math.max(Math.hypot(...vector), 1e-9);
  return vector.map((value) => value / length);
}

/** Signals linear in a logistic model: kept within the range they were learnt in. */
export function within(values: readonly number[], ranges: readonly (readonly [number, number])[]): number[] {
  return values.map((value, i) => clip(value, ranges[i][0], ranges[i][1]));
}
