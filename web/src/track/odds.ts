/** Probabilities as logits, and what a hand's partner says of its side. */
import { boxOf } from "./points";

const LARGEST_LOGIT = 6.0;
/** Hands whose middles lie within so many times the longer side of the larger box, ... */
const NEAR = 4;
/** ... which is at most so many times the other one's, may be a person's two. */
const ALIKE = 1.6;

/** Logarithm of the odds, kept within a limit either way. */
export function logit(probability: number): number {
  const safe = Math.min(Math.max(probability, 1e-6), 1 - 1e-6);
  return Math.min(Math.max(Math.log(safe / (1 - safe)), -LARGEST_LOGIT), LARGEST_LOGIT);
}

/** The probability of a logit. */
export function probability(odds: number): number {
  return 1 / (1 + Math.exp(-odds));
}

/**
 * Logits of right hands, those of near pairs with what is known of the other one; each hand has one partner at most, the
 * nearest first. hands_px: their joints, 21 x 2 each; pair: logarithm of the odds that two near hands are of two sides.
 */
export function withPartners(odds: readonly number[], hands_px: readonly ArrayLike<number>[], pair: number): number[] {
  const boxes = hands_px.map(boxOf);
  const couples: { a: number; b: number; apart: number }[] = [];
  for (let a = 0; a < odds.length; a++) {
    for (let b = a + 1; b < odds.length; b++) {
      const [one, other] = [boxes[a], boxes[b]];
      const sides = [Math.max(one[2], one[3], 0), Math.max(other[2], other[3], 0)];
      const large = Math.max(...sides);
      if (large > ALIKE * Math.min(...sides)) continue;
      const du = one[0] + one[2] / 2 - other[0] - other[2] / 2;
      const dv = one[1] + one[3] / 2 - other[1] - other[3] / 2;
      const apart = Math.hypot(du, dv) / large;
      if (apart <= NEAR) couples.push({ a, b, apart });
    }
  }
  couples.sort((one, other) => one.apart - other.apart || one.a - other.a || one.b - other.b);
  const joined = [...odds];
  const taken = new Set<number>();
  for (const { a, b } of couples) {
    if (taken.has(a) || taken.has(b)) continue;
    taken.add(a).add(b);
    joined[a] += toldByPartner(odds[b], pair);
    joined[b] += toldByPartner(odds[a], pair);
  }
  return joined;
}

/** What a partner's logit of being a right hand adds to a hand's own. */
function toldByPartner(odds: number, pair: number): number {
  return logAddExp(odds, pair) - logAddExp(0, odds + pair);
}

function logAddExp(a: number, b: number): number {
  return Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));
}
