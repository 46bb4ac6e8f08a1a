/**
 * Hands of a frame that are not followed: those that were lost where they are looked for again, and new ones (Python:
 * `knuckle.live.search`).
 */
import { type Effort, type Estimator, LEAST_PRESENCE } from "./estimator";
import { logit } from "./odds";
import { inOnePlace } from "./points";

/** A hand that is not followed. */
export interface Found {
  /** 21 x 2. */
  joints_px: Float64Array;
  /** That it is one, 0 to 1. */
  score: number;
  /** Logit of a right one. */
  sideOdds: number;
}

/**
 * Hands of a picture but those whose joints are known. sides: whether to say of which side they are; without, the odds are
 * those of one look.
 */
export async function search<Picture, Memory>(
  estimator: Estimator<Picture, Memory>,
  picture: Picture,
  known_px: readonly Float64Array[],
  effort: Effort,
  sides: boolean,
): Promise<Found[]> {
  const hands = (await estimator.detect(picture, known_px, effort)).filter(
    (hand) => hand.presence >= LEAST_PRESENCE && !known_px.some((joints) => inOnePlace(hand.joints_px, joints)),
  );
  if (hands.length === 0) return [];
  const odds = sides ? await estimator.decideSides(picture, hands) : hands.map((hand) => logit(hand.right));
  return hands.map(({ joints_px, score }, n) => ({ joints_px, score, sideOdds: odds[n] }));
}

/**
 * Hands where some are expected, by their joints; null where there is none, or one whose joints are known or that another
 * place led to as well.
 */
export async function lookFor<Picture, Memory>(
  estimator: Estimator<Picture, Memory>,
  picture: Picture,
  places_px: readonly Float64Array[],
  known_px: readonly Float64Array[],
): Promise<(Found | null)[]> {
  if (places_px.length === 0) return [];
  const taken = [...known_px];
  return (await estimator.look(picture, places_px)).map(({ joints_px, presence, right }) => {
    if (!(presence >= LEAST_PRESENCE) || taken.some((joints) => inOnePlace(joints_px, joints))) return null;
    taken.push(joints_px);
    return { joints_px, score: presence, sideOdds: logit(right) };
  });
}
