/** Which of the hands found in a frame are which of those known (Python: `knuckle.live.association`). */
import { probability } from "./odds";
import { handSize, middleOf } from "./points";

/** A hand that moved by more, over its size, is another one; `slack` adds to it. */
const FAR = 1.5;
/** As is one that is so many times larger or smaller; `slack` adds to it up to the second. */
const OTHER_SIZE = 1.8;
const MOST_OTHER_SIZE = 2.5;
/** What a side that is surely another would count against a match, in hand sizes; ... */
const OTHER_SIDE_COST = 1;
/** ... hands that are of two sides with 95 % each are never one. */
export const SURE_ODDS = 3;

/** A hand with what is known of its side. */
export interface Candidate {
  /** 21 x 2. */
  joints_px: ArrayLike<number>;
  /** Logit of a right hand. */
  odds: number;
  /** How much farther than usual a known hand may have gone and grown, over its size: one not seen for a while. */
  slack?: number;
}

/** Pairs (number of a known hand, number of a found one), the best first; each hand is in one pair at most. */
export function matchHands(known: readonly Candidate[], found: readonly Candidate[]): [number, number][] {
  const costs: { k: number; f: number; cost: number }[] = [];
  known.forEach((one, k) => {
    const size = handSize(one.joints_px);
    const [u, v] = middleOf(one.joints_px);
    found.forEach((other, f) => {
      const otherSize = handSize(other.joints_px);
      const [otherU, otherV] = middleOf(other.joints_px);
      const away = Math.hypot(u - otherU, v - otherV) / Math.max(size, otherSize);
      const ratio = size / otherSize;
      const slack = one.slack ?? 0;
      const most = Math.min(OTHER_SIZE + slack, MOST_OTHER_SIZE);
      if (away > FAR + slack || !(1 / most < ratio && ratio < most)) return;
      if (one.odds * other.odds < 0 && Math.min(Math.abs(one.odds), Math.abs(other.odds)) > SURE_ODDS) return;
      const [right, otherRight] = [probability(one.odds), probability(other.odds)];
      const ofOneSide = right * otherRight + (1 - right) * (1 - otherRight);
      costs.push({ k, f, cost: away + OTHER_SIDE_COST * (1 - ofOneSide) });
    });
  });
  costs.sort((a, b) => a.cost - b.cost || a.k - b.k || a.f - b.f);
  const pairs: [number, number][] = [];
  for (const { k, f } of costs) {
    if (pairs.every(([otherK, otherF]) => k !== otherK && f !== otherF)) pairs.push([k, f]);
  }
  return pairs;
}
