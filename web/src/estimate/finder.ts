/**
 * Finding the hands of a picture: the palm network says where one may be, the landmark network looks there, what both
 * say is judged, and findings of one hand become one (Python: `HandFinder`, with the palm network alone).
 */
import { LEAST_PRESENCE } from "../track/estimator";
import { onEachOther } from "../track/points";
import { jointsToSquare, extent, type Square, turnBetween } from "./affine";
import { longerSide, overlap, shareInside } from "./boxes";
import { middle } from "./joints";
import type { Judge } from "./judge";
import { type LandmarkNetwork, type Look, lookBox, sameSquare } from "./landmarks";
import { LOOK_SCORE, PALM_PX, type PalmNetwork, type Place } from "./palm";
import type { Picture } from "./picture";

/** Hands whose box's longer side is smaller, px of the picture, are not reported. */
const LEAST_PX = 24;
/** Two places whose boxes overlap more, turned by less against each other, are of one hand. */
const SAME_PLACE_IOU = 0.45;
const SAME_PLACE_TURN_RAD = Math.PI / 3;
/** Of a hand inside another one of which it is a part, the less probable one is no hand. */
const INSIDE = 0.8;
const MUCH_SMALLER = 0.6;
const ON_HAND = 0.2;
/** The longer side of the whole picture as it is shown, once for each size: hands that fill it are seen better smaller. */
const SHOWN_PX = { fast: [PALM_PX], normal: [PALM_PX, 128] } as const;

/** Where all places have this score, the picture is not shown again. */
const SURE_PLACE = 0.8;
/** A place whose square is that of a known hand, within so many times the usual tolerance, is that hand's. */
const KNOWN_WITHIN = 2;

/** How much time finding may take: "normal" shows the picture a second time, smaller, where the first is not sure. */
export type Effort = keyof typeof SHOWN_PX;

/** A hand, and what both networks say of it. */
export interface FoundHand {
  look: Look;
  place: Place;
  /** The probability that there is a hand. */
  score: number;
}

/** Whether the landmark network sees a hand; else its joints mean nothing. */
const isSeen = ({ look }: FoundHand): boolean => look.landmarks.presence >= LEAST_PRESENCE;

/** x, y, w, h of the joints that the landmark network sees, or as proposed. */
export const foundBox = (hand: FoundHand): Float64Array => (isSeen(hand) ? lookBox(hand.look) : hand.place.box_px);

/** The hands of a picture, most probable first, but those at `known_px` (21 x 2 each). */
export async function findHands(
  picture: Picture,
  known_px: readonly Float64Array[],
  effort: Effort,
  networks: { palms: PalmNetwork; landmarks: LandmarkNetwork; judge: Judge },
): Promise<FoundHand[]> {
  const places: Place[] = [];
  for (const px of SHOWN_PX[effort]) {
    const told = await networks.palms.propose(picture, px);
    places.push(...told);
    // A known hand's place says nothing of the others.
    if (!known_px.length && told.length && told.every(({ score }) => score >= SURE_PLACE)) break;
  }
  const known = known_px.map((joints) => ({ box_px: extent(joints), square: jointsToSquare(joints) }));
  const theirs = placesOfKnown(known.map(({ square }) => square), places);
  const free = places.filter((place) => place.score >= LOOK_SCORE && !theirs.has(place));
  const new_ = unseen(free, [...known, ...theirs]);
  const looks = await networks.landmarks.look(picture, new_.map(({ square }) => square));
  const scale = PALM_PX / Math.max(picture.width, picture.height);
  const hands = looks
    .map((look, i): FoundHand => ({ look, place: new_[i], score: networks.judge.probability(look, new_[i], scale) }))
    .filter((hand) => hand.score >= networks.judge.threshold && longerSide(foundBox(hand)) >= LEAST_PX);
  return distinctHands(hands);
}

/** The places of hands that are known with their joints: of each hand one at most, the one nearest to its own square. */
function placesOfKnown(known: readonly Square[], places: readonly Place[]): Set<Place> {
  const couples = known.flatMap((hand, one) =>
    places
      .filter(({ square }) => sameSquare(hand, square, KNOWN_WITHIN))
      .map((place) => ({
        one,
        place,
        apart: Math.hypot(place.square.u - hand.u, place.square.v - hand.v) / hand.side_px,
      })),
  );
  const taken = new Set<number>();
  const theirs = new Set<Place>();
  for (const { one, place } of couples.sort((a, b) => a.apart - b.apart)) {
    if (taken.has(one) || theirs.has(place)) continue;
    taken.add(one);
    theirs.add(place);
  }
  return theirs;
}

/** The best place of each hand that is not known, best first. */
function unseen(places: readonly Place[], known: readonly { box_px: Float64Array; square: Square }[]): Place[] {
  const kept: Place[] = [];
  for (const place of [...places].sort((a, b) => b.score - a.score)) {
    const same = [...known, ...kept].some(
      (other) =>
        overlap(place.box_px, other.box_px) > SAME_PLACE_IOU &&
        turnBetween(place.square, other.square) < SAME_PLACE_TURN_RAD,
    );
    if (!same) kept.push(place);
  }
  return kept;
}

/** The best finding of each hand, best first. */
function distinctHands(hands: readonly FoundHand[]): FoundHand[] {
  const kept: FoundHand[] = [];
  for (const hand of [...hands].sort((a, b) => b.score - a.score)) {
    if (!kept.some((other) => isSameHand(hand, other))) kept.push(hand);
  }
  return kept;
}

/** Whether two findings are of one hand: their joints lie on each other's, or one is a part of the other. */
function isSameHand(one: FoundHand, other: FoundHand): boolean {
  const [small, large] = longerSide(foundBox(one)) <= longerSide(foundBox(other)) ? [one, other] : [other, one];
  const inside = shareInside(foundBox(small), foundBox(large));
  if (!(isSeen(one) && isSeen(other))) {
    return overlap(foundBox(one), foundBox(other)) > SAME_PLACE_IOU || inside > INSIDE;
  }
  if (onEachOther(one.look.joints_px, other.look.joints_px)) return true;
  const size = longerSide(foundBox(large));
  if (longerSide(foundBox(small)) > MUCH_SMALLER * size) return false;
  const [u, v] = middle(small.look.joints_px, 2);
  const joints = large.look.joints_px;
  const away = Math.min(...Array.from({ length: 21 }, (_, i) => Math.hypot(joints[2 * i] - u, joints[2 * i + 1] - v)));
  return inside > INSIDE && away < ON_HAND * size;
}
