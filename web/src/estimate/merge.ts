/**
 * Two answers to the same pair of hands as one: two looks of the two-hand network, or its answer and the one-hand one's
 * (Python: `knuckle.inference.merge`, which has the reasons).
 */
import { JOINT_COUNT } from "../hand/skeleton";
import { longerSide } from "./boxes";
import { extent } from "./affine";
import { distances, type Lens, lift, mean } from "./joints";
import type { OwnJoints } from "./one_hand";
import { boxOverlap, type EvidenceTable, Odds } from "./trust";

/** Joints of both hands of a pair, the right one first; in the picture as it is. */
export type PairJoints = readonly [OwnJoints, OwnJoints];
export type PairBoxes = readonly [Float64Array, Float64Array];

/**
 * Mean distance of two looks' joints in the picture, over the longer side of the hand's box, from which on a pair is the
 * look whose hands lie nearer to their boxes: one has mistaken right for left.
 */
const CONTRADICT = 0.25;
/** A hand that the two-hand network rather does not see is at most so many times nearer or farther than that says. */
const REACH = 1.1;
const SIGNALS = ["cover", "two: overlap", "one: overlap", "two: off", "one: off", "apart"] as const;

/** By which the two-hand network's joints count against the one-hand network's, in the picture and in depth. */
export interface MergeOdds {
  picture: Odds;
  depth: Odds;
}

/** The two systems' names joined by "+": their figures, the standard ones where they have none of their own. */
export function mergeOdds(table: EvidenceTable, systems: string): MergeOdds {
  const own = table.merge?.[systems] ?? table.merge?.standard;
  if (!own) throw new Error("evidence.json: expected odds of two systems' joints (merge)");
  return { picture: new Odds(own.picture, SIGNALS), depth: new Odds(own.depth, SIGNALS) };
}

/** The mean of two looks: places in the picture, depths, confidences; where they contradict each other, one look. */
export function joinLooks(first: PairJoints, second: PairJoints, boxes_px: PairBoxes, lens: Lens): PairJoints {
  const sum = (of: (hand: 0 | 1) => number) => of(0) + of(1);
  const apart = Math.max(...([0, 1] as const).map((hand) => apartOverBox(first[hand], second[hand], boxes_px[hand])));
  const nearer = sum((hand) => offBox(first[hand], boxes_px[hand])) <= sum((hand) => offBox(second[hand], boxes_px[hand]));
  const share = apart < CONTRADICT ? 0.5 : Number(nearer);
  const mixed = (one: number, other: number) => share * one + (1 - share) * other;
  const join = (hand: 0 | 1): OwnJoints => {
    const [one, other] = [first[hand], second[hand]];
    const px = one.px.map((value, i) => mixed(value, other.px[i]));
    return {
      px,
      m: lift(px, (joint) => mixed(one.m[3 * joint + 2], other.m[3 * joint + 2]), lens),
      confidence: mixed(one.confidence, other.confidence),
      branches_px: distances(one.px, other.px, 2),
    };
  };
  return [join(0), join(1)];
}

/** A hand of a pair, both systems' answers to it as one. */
export interface MergedHand {
  joints: OwnJoints;
  /** The two-hand network's mean share in the picture; 0 where it is not used. */
  share: number;
  /** Whether it is not simply the one-hand network's: believed, or brought within reach. */
  changed: boolean;
}

/**
 * The joints of the two-hand and of the one-hand network; the wrists at the depths of the former. Hands whose boxes do not
 * meet are the one-hand network's but for the depth of their wrists.
 *
 * believed: whether the two-hand network sees the hand; one that it does not see is the one-hand network's.
 */
export function mergePair(
  two: PairJoints,
  one: PairJoints,
  boxes_px: PairBoxes,
  lens: Lens,
  believed: readonly [boolean, boolean],
  odds: MergeOdds,
): [MergedHand, MergedHand] {
  const cover = covered(boxes_px);
  const merge = (hand: 0 | 1): MergedHand => {
    const [theirs, own, box] = [two[hand], one[hand], boxes_px[hand]];
    const away = apartOverBox(theirs, own, box);
    const told = [
      cover,
      ...[theirs, own].map(({ px }) => boxOverlap(px, box)),
      ...[theirs, own].map((joints) => offBox(joints, box)),
      Math.log(away + 1e-2),
    ];
    const counts = cover > 0 && believed[hand];
    const shares = (of: Odds) => (counts ? of.share(told, away) : new Float64Array(JOINT_COUNT));
    const [picture, depth] = [shares(odds.picture), shares(odds.depth)];
    const [wristTheirs, wristOwn] = [theirs.m[2], own.m[2]];
    const [near, far] = [wristTheirs / REACH, wristTheirs * REACH];
    // As in Python, where the far end wins for a hand behind the camera.
    const wrist = believed[hand] ? wristTheirs : Math.min(Math.max(wristOwn, near), far);
    const px = own.px.map((value, i) => picture[i >> 1] * theirs.px[i] + (1 - picture[i >> 1]) * value);
    // Depths count from the wrists, whatever the shares.
    const relief = (joint: number) =>
      depth[joint] * (theirs.m[3 * joint + 2] - wristTheirs) + (1 - depth[joint]) * (own.m[3 * joint + 2] - wristOwn);
    const share = mean(picture);
    return {
      joints: {
        px,
        m: lift(px, (joint) => wrist + relief(joint), lens),
        confidence: share > 0 ? theirs.confidence : own.confidence,
        branches_px: distances(theirs.px, own.px, 2),
      },
      share,
      changed: believed[hand] || !(wristOwn >= near && wristOwn <= far),
    };
  };
  return [merge(0), merge(1)];
}

/** Mean distance of two answers' joints in the picture, over the longer side of the hand's box. */
function apartOverBox(one: OwnJoints, other: OwnJoints, box_px: Float64Array): number {
  return mean(distances(one.px, other.px, 2)) / longerSide(box_px);
}

/** Distance of the middle of the joints from the middle of the hand's box, over its longer side. */
function offBox({ px }: OwnJoints, box_px: Float64Array): number {
  const [x, y, w, h] = extent(px);
  const [u, v] = [x + w / 2 - box_px[0] - box_px[2] / 2, y + h / 2 - box_px[1] - box_px[3] / 2];
  return Math.hypot(u, v) / longerSide(box_px);
}

/** Share of the smaller of two boxes that lies in the other. */
function covered([one, other]: PairBoxes): number {
  const along = (axis: 0 | 1) =>
    Math.max(Math.min(one[axis] + one[2 + axis], other[axis] + other[2 + axis]) - Math.max(one[axis], other[axis]), 0);
  return (along(0) * along(1)) / Math.min(one[2] * one[3], other[2] * other[3]);
}
