/**
 * How sure a hand is: whether there is one, and how exact each of its joints (Python: `knuckle.inference.certainty`,
 * where the figures of certainty.json were learnt).
 */
import type { Side } from "../hand/frame";
import { JOINT_COUNT } from "../hand/skeleton";
import { longerSide } from "./boxes";
import type { Evidence } from "./evidence";
import { centred, isFinite, logit, mean, norm, palmLength, sigmoid } from "./joints";
import type { Fused } from "./refine";
import { boxOverlap, offItself, within } from "./trust";

const SIGNALS = [
  ...(["presence", "side", "own 3D", "box"] as const),
  ...(["confidence", "branches", "apart", "apart 3D", "residual"] as const),
  ...(["size", "cut", "end-on"] as const),
];
const JOINT_SIGNALS = ["branches", "apart", "apart 3D", "outside"] as const;

type Numbers = Record<string, number>;
type Ranges = Record<string, [number, number]>;

interface RadiiTable {
  slopes: Numbers;
  "joint slopes": Numbers;
  joints: number[];
}

interface Entry {
  range: Ranges;
  "joint range": Ranges;
  confidence: { slopes: Numbers; constant: number };
  picture: RadiiTable;
  space: RadiiTable;
}

/** certainty.json. */
export interface CertaintyTable {
  systems: Record<string, { seen: Entry; alone: Entry }>;
}

/** Of a hand. */
export interface Certainty {
  /** That there is a hand, 0 to 1. */
  confidence: number;
  /** Radii that hold the true joint in 68 of 100 cases. */
  joint_error_px: Float64Array;
  joint_error_m: Float64Array;
}

/** The figures of one system. */
export class Calibration {
  private readonly entries: { seen: Entry; alone: Entry };

  /** system: the record's name; the standard figures count where it has none of its own. */
  constructor(table: CertaintyTable, system: string) {
    const entries = table.systems?.[system] ?? table.systems?.standard;
    for (const entry of [entries?.seen, entries?.alone]) {
      if (!entry?.range || entry.picture?.joints?.length !== JOINT_COUNT || entry.space?.joints?.length !== JOINT_COUNT) {
        throw new Error("certainty.json: expected figures of confidence and joint errors by system");
      }
    }
    this.entries = entries;
  }

  /** evidence: what the landmark network said of the hand; null where it does not count. */
  of(
    hand: Fused,
    box_px: Float64Array,
    side: Side,
    evidence: Evidence | null,
    size: { width: number; height: number },
  ): Certainty {
    const seen = evidence !== null && isFinite(evidence.joints_px);
    const entry = seen ? this.entries.seen : this.entries.alone;
    const signals = handSignals(hand, box_px, side, seen ? evidence : null, size);
    const told = within(signals, SIGNALS.map((name) => entry.range[name]));
    const slopes = (numbers: Numbers) => SIGNALS.reduce((sum, name, i) => sum + numbers[name] * told[i], 0);
    const joints = jointSignals(hand, box_px, size).map((values) =>
      within(values, JOINT_SIGNALS.map((name) => entry["joint range"][name])),
    );
    const radii = (table: RadiiTable) => {
      const common = slopes(table.slopes);
      return Float64Array.from(joints, (values, joint) =>
        Math.exp(
          JOINT_SIGNALS.reduce((sum, name, i) => sum + table["joint slopes"][name] * values[i], common + table.joints[joint]),
        ),
      );
    };
    const side_px = Math.max(longerSide(box_px), 0);
    const joint_error_m = radii(entry.space);
    joint_error_m[0] = 0;
    return {
      confidence: sigmoid(slopes(entry.confidence.slopes) + entry.confidence.constant),
      joint_error_px: radii(entry.picture).map((radius) => radius * side_px),
      joint_error_m,
    };
  }
}

/** What tells how sure a hand is; 0 where it is not known. */
function handSignals(
  hand: Fused,
  box_px: Float64Array,
  side: Side,
  evidence: Evidence | null,
  size: { width: number; height: number },
): number[] {
  const side_px = Math.max(longerSide(box_px), 1e-6);
  const palm = Math.max(palmLength(hand.joints_m), 1e-3);
  return [
    evidence ? logit(evidence.presence) : 0,
    evidence ? (side === "right" ? 1 : -1) * logit(evidence.right) : 0,
    evidence ? Math.log(offItself(evidence) + 1e-3) : 0,
    boxOverlap(hand.joints_px, box_px),
    logit(hand.confidence),
    Math.log(mean(hand.branches_px) / side_px + 1e-2),
    Math.log(mean(hand.evidence_px) / side_px + 1e-2),
    Math.log(mean(hand.evidence_m) / palm + 5e-2),
    // A hand that was not found, whose joints lie metres apart, has no residual: as far off as can be.
    Number.isNaN(hand.residual_m) ? 0 : Math.log(hand.residual_m / palm + 1e-2),
    Math.log(side_px / 100),
    mean(outside(hand.joints_px, size)),
    endOn(hand.joints_m),
  ].map(known);
}

/** What tells how exact each joint is; 0 where it is not known. */
function jointSignals(hand: Fused, box_px: Float64Array, size: { width: number; height: number }): number[][] {
  const side_px = Math.max(longerSide(box_px), 1e-6);
  const palm = Math.max(palmLength(hand.joints_m), 1e-3);
  const beyond = outside(hand.joints_px, size);
  return Array.from({ length: JOINT_COUNT }, (_, joint) =>
    [
      Math.log(hand.branches_px[joint] / side_px + 1e-2),
      Math.log(hand.evidence_px[joint] / side_px + 1e-2),
      Math.log(hand.evidence_m[joint] / palm + 5e-2),
      beyond[joint],
    ].map(known),
  );
}

const known = (signal: number): number => (Number.isNaN(signal) ? 0 : signal);

/** 1 for joints that lie outside the picture. */
function outside(joints_px: Float64Array, { width, height }: { width: number; height: number }): number[] {
  return Array.from({ length: JOINT_COUNT }, (_, i) => {
    const [u, v] = [joints_px[2 * i], joints_px[2 * i + 1]];
    return u < -0.5 || v < -0.5 || u > width - 0.5 || v > height - 0.5 ? 1 : 0;
  });
}

/** How much of the hand's extent lies along the line of sight: logarithm of its depth over its width. */
function endOn(joints_m: Float64Array): number {
  const off = centred(joints_m, 3);
  const along = (axis: number) => norm(off.filter((_, i) => i % 3 === axis)) / Math.sqrt(JOINT_COUNT);
  return Math.log((along(2) + 1e-4) / (Math.hypot(along(0), along(1)) + 1e-4));
}
