/** Which hands are seen together, and where a two-hand network looks for them (Python: `knuckle.inference.pairing`). */
import type { Side } from "../hand/frame";
import { longerSide } from "./boxes";

/** Boxes overlap when they meet after each has grown by this share of its longer side on every side. */
const MARGIN = 0.5;
/** Boxes of sizes that differ by more are of people at different distances. */
const LARGEST_RATIO = 3;

/** Numbers of the right hand and of the left one. */
export type Pair = readonly [number, number];

/** Where a two-hand network looks. */
export interface PairWindow {
  /** x, y, w, h px, round both hands. */
  box_px: Float64Array;
  /** Whether it is shown the mirrored picture. */
  mirrored: boolean;
}

/**
 * Pairs of a left and a right hand whose boxes (x, y, w, h px) overlap or nearly do, each box in one at most: those that
 * overlap most go first. They stand in the order of their first box.
 */
export function pairBoxes(boxes_px: readonly Float64Array[], sides: readonly Side[]): Pair[] {
  const candidates: { pair: Pair; share: number }[] = [];
  sides.forEach((side, right) => {
    if (side !== "right") return;
    sides.forEach((other, left) => {
      if (other !== "left") return;
      const share = shared(boxes_px[right], boxes_px[left]);
      if (share > 0) candidates.push({ pair: [right, left], share });
    });
  });
  const first = ({ pair }: { pair: Pair }) => Math.min(...pair);
  const second = ({ pair }: { pair: Pair }) => Math.max(...pair);
  candidates.sort((a, b) => b.share - a.share || first(a) - first(b) || second(a) - second(b));
  const taken = new Set<number>();
  const pairs: Pair[] = [];
  for (const { pair } of candidates) {
    if (pair.some((number) => taken.has(number))) continue;
    pair.forEach((number) => taken.add(number));
    pairs.push(pair);
  }
  return pairs.sort((a, b) => Math.min(...a) - Math.min(...b));
}

/** The window round a pair. */
export function windowOf(right_px: Float64Array, left_px: Float64Array): PairWindow {
  const low = [0, 1].map((axis) => Math.min(right_px[axis], left_px[axis]));
  const high = [0, 1].map((axis) => Math.max(right_px[axis] + right_px[2 + axis], left_px[axis] + left_px[2 + axis]));
  const box_px = Float64Array.of(low[0], low[1], high[0] - low[0], high[1] - low[1]);
  return { box_px, mirrored: seenMirrored(right_px, left_px) };
}

/**
 * Whether a network is shown a pair mirrored: then, and not else, its mirror image is shown as it is. The hand that
 * stands lower in the picture is always shown as the right one; at the same height the larger box is.
 */
function seenMirrored(right_px: Float64Array, left_px: Float64Array): boolean {
  const order = ([, y, w, h]: Float64Array) => [y + h / 2, w * h, w];
  const [right, left] = [order(right_px), order(left_px)];
  const differs = right.findIndex((value, i) => value !== left[i]);
  return differs >= 0 && left[differs] > right[differs];
}

/** Share of the smaller box that lies in the other, both grown; 0 for sizes too different. */
function shared(a: Float64Array, b: Float64Array): number {
  const sides = [longerSide(a), longerSide(b)];
  if (Math.max(...sides) > LARGEST_RATIO * Math.min(...sides)) return 0;
  const [one, other] = [a, b].map((box, n) => {
    const by = MARGIN * sides[n];
    return [box[0] - by, box[1] - by, box[2] + 2 * by, box[3] + 2 * by];
  });
  const inner = [0, 1].map((axis) =>
    Math.max(Math.min(one[axis] + one[2 + axis], other[axis] + other[2 + axis]) - Math.max(one[axis], other[axis]), 0),
  );
  return (inner[0] * inner[1]) / Math.min(one[2] * one[3], other[2] * other[3]);
}
