/**
 * What followed hands look like in a frame, and whose hand it is that a track was led to: where hands meet, a track may be
 * led to the other one (Python: `knuckle.live.sightings`).
 */
import { SURE_ODDS } from "./association";
import { type EstimatedHand, LEAST_PRESENCE, type TrackedHand } from "./estimator";
import { awayFrom, handSize, inOnePlace } from "./points";
import type { Track } from "./track";

/** What a look of the other side counts against a sighting, in hand sizes, where two tracks led to one hand. */
const OTHER_SIDE = 0.5;
/** By how much better two hands must fit each other's tracks, in hand sizes, to be exchanged. */
const SURELY_EXCHANGED = 0.3;
/** A look to which a hand is of the other side with more probability, ... */
const OTHER_HAND = 0.7;
/** ... where another hand of that side went missing within so many hand sizes, is at that one. */
const ASTRAY = 1.2;

/** A followed hand that a frame shows. */
export interface Sighting<Memory> {
  track: Track<Memory>;
  /** What was said of it. */
  told: TrackedHand<Memory>;
  /** The same hand, of the size and at the place that are known of it. */
  hand: EstimatedHand;
}

/** Whether a look, to which it is a right hand with that probability, saw a hand of the track's other side. */
export function speaksAgainst(track: Track<unknown>, right: number): boolean {
  return (track.isRight ? 1 - right : right) > OTHER_HAND;
}

/**
 * The numbers of the tracks that have seen their hand, in their order: where two were led to one, it is that one's whose
 * side it is of, or that expected it nearer. expected: 21 x 2 a track.
 */
export function kept<Memory>(
  tracks: readonly Track<Memory>[],
  told: readonly TrackedHand<Memory>[],
  expected: readonly Float64Array[],
): number[] {
  const away = told.map(({ hand, right }, n) => {
    const other = right >= 0.5 !== tracks[n].isRight;
    const away_sizes = awayFrom(hand.joints_px, expected[n]) / handSize(expected[n]);
    return Number.isNaN(away_sizes) ? Infinity : away_sizes + (other ? OTHER_SIDE : 0);
  });
  const order = told.map((_, n) => n).sort((a, b) => (away[a] === away[b] ? a - b : away[a] - away[b]));
  const chosen: number[] = [];
  for (const n of order) {
    if (!(told[n].presence >= LEAST_PRESENCE)) continue;
    if (chosen.some((other) => inOnePlace(told[n].hand.joints_px, told[other].hand.joints_px))) continue;
    chosen.push(n);
  }
  return chosen.sort((a, b) => a - b);
}

/**
 * Tracks of a left and a right hand that were led to each other's hand, as when both turn back where they meet: the sides
 * that the looks say and the ways that the hands went speak for the other one. They go on from there.
 */
export function exchanged<Memory>(seen: readonly Sighting<Memory>[], time_s: number): Track<Memory>[] {
  const joints = seen.map((each) => each.told.hand.joints_px);
  const went = seen.map(({ track }) => [track.motion.joints_px, track.motion.predicted(time_s)]);
  const led: Track<Memory>[] = [];
  const sides = seen.map(({ track }) => track.isRight);
  const cost = (n: number, to: number): number => {
    const away = Math.min(...went[n].map((place) => awayFrom(place, joints[to])));
    const { right } = seen[to].told;
    return away / handSize(joints[to]) + OTHER_SIDE * (1 - (sides[n] ? right : 1 - right));
  };
  for (let a = 0; a < seen.length; a++) {
    for (let b = a + 1; b < seen.length; b++) {
      const [one, other] = [seen[a].track, seen[b].track];
      if (one.isRight === other.isRight || led.includes(one) || led.includes(other)) continue;
      if (cost(a, b) + cost(b, a) + SURELY_EXCHANGED < cost(a, a) + cost(b, b)) {
        one.foundAgain(joints[b], time_s);
        other.foundAgain(joints[a], time_s);
        led.push(one, other);
      }
    }
  }
  return led;
}

/**
 * Tracks of a sure side that were led to a hand of the other side which is missing just there, as where hands part that lay
 * on each other: what they see, and the track whose hand it is. Each lost track is told once.
 */
export function strayed<Memory>(
  seen: readonly Sighting<Memory>[],
  lost: readonly Track<Memory>[],
  time_s: number,
): [Sighting<Memory>, Track<Memory>][] {
  const led: [Sighting<Memory>, Track<Memory>][] = [];
  for (const each of seen) {
    const { track, told } = each;
    if (Math.abs(track.sideOdds) < SURE_ODDS || !speaksAgainst(track, told.right)) continue;
    const joints = told.hand.joints_px;
    let nearest: Track<Memory> | null = null;
    let least = ASTRAY * handSize(joints);
    for (const other of lost) {
      if (other.isRight === track.isRight || led.some(([, owner]) => owner === other)) continue;
      const { motion } = other;
      const away = Math.min(awayFrom(motion.joints_px, joints), awayFrom(motion.predicted(time_s), joints));
      if (away < least) [nearest, least] = [other, away];
    }
    if (nearest) led.push([each, nearest]);
  }
  return led;
}
