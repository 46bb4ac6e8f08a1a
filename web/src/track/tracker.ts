/**
 * Frames in, their hands out, each with an identity that lasts (Python: `knuckle.live.tracker`, which has the reasons).
 *
 * A frame's hands are looked for where they should be by now; only now and then, and where one is missing, is the frame
 * searched. What is seen passes the gate and the filter of its track.
 */
import type { Camera, Hand, HandFrame } from "../hand/frame";
import type { Rig } from "../hand/rig";
import { matchHands } from "./association";
import { DOUBTFUL, type Estimator, type TrackedHand } from "./estimator";
import { SURE } from "./gate";
import { checkLength, handLength, HandSize } from "./hand_size";
import { placedBetter, rescaled } from "./metric";
import { logit, probability, withPartners } from "./odds";
import { reportHeld, reportSeen } from "./report";
import { MISSED_FOR_S, Schedule } from "./schedule";
import { type Found, lookFor, search } from "./search";
import { exchanged, kept, type Sighting, speaksAgainst, strayed } from "./sightings";
import { Track } from "./track";

/** So long a lost hand is looked for where it went, and a hand found near is taken for it. */
const REGAINED_S = 1;
/** So long it is known again where a search finds a hand near that is none of those that were lost later. */
const REMEMBERED_S = 3;
/** How much farther a lost hand may have gone each second until `REGAINED_S`, over its size. */
const SLACK_PER_S = 2;
/** A newcomer that is a hand with this probability is reported at once, others when they have been seen so often. */
const SURE_SCORE = 0.9;
const REPORTED_AFTER = 2;
/** A hand that was lost while less than this share of its joints was expected to be in the picture has left. */
const AHEAD_S = 0.1;
const STILL_INSIDE = 0.6;

export interface TrackerOptions {
  /** Of the pictures, px; without it a focal length is assumed. */
  camera?: Camera | null;
  /** Replace frames of little confidence by the last confident pose; true without it. */
  gate?: boolean;
  /** Filter poses; true without it. */
  smooth?: boolean;
  /** Of all hands, from the wrist to the tip of the middle finger, metres; people's mean length without it. */
  handLength_m?: number | null;
}

/** The camera assumed where none is known: a focal length of sqrt(width^2 + height^2), the picture's middle. */
export function assumedCamera(width: number, height: number): Camera {
  const focal = Math.hypot(width, height);
  return { fx: focal, fy: focal, cx: (width - 1) / 2, cy: (height - 1) / 2, assumed: true };
}

/** Follows any number of hands through a video, one frame after the other. */
export class Tracker<Picture, Memory> {
  private readonly camera: Camera | null;
  private readonly gated: boolean;
  private readonly smooth: boolean;
  private readonly handLength_m: number | null;
  private tracks: Track<Memory>[] = [];
  private lost: Track<Memory>[] = [];
  private readonly schedule = new Schedule();
  private nextIdentity = 0;
  private time_s = -Infinity;
  private busy = false;
  private asked_ms = 0;

  /** Throws an `Error` for a camera or a length that cannot be used. */
  constructor(
    private readonly estimator: Estimator<Picture, Memory>,
    private readonly rig: Rig,
    options: TrackerOptions = {},
  ) {
    this.camera = options.camera ? checkCamera(options.camera) : null;
    this.gated = options.gate ?? true;
    this.smooth = options.smooth ?? true;
    this.handLength_m = options.handLength_m == null ? null : checkLength(options.handLength_m);
  }

  /**
   * The hands of the next frame, in the order of their identities. time_s: when it was taken, later than the frame before.
   *
   * Rejects with an `Error` for a time that is not later, or where the last frame is not done yet.
   */
  async next(picture: Picture, time_s: number): Promise<HandFrame> {
    if (this.busy) throw new Error("next: expected one frame at a time, got one before the last was done");
    if (!Number.isFinite(time_s) || time_s <= this.time_s) {
      throw new Error(`time_s: expected one after that of the last frame, ${this.time_s}, got ${time_s}`);
    }
    this.busy = true;
    try {
      return await this.follow(picture, time_s);
    } finally {
      this.busy = false;
    }
  }

  private async follow(picture: Picture, time_s: number): Promise<HandFrame> {
    const began = performance.now();
    this.asked_ms = 0;
    this.time_s = time_s;
    const { width, height } = this.estimator.size(picture);
    const camera = this.camera ?? assumedCamera(width, height);
    let seen = await this.ask(picture, camera, this.tracks);
    const swapped = exchanged(seen, time_s);
    if (swapped.length > 0) {
      seen = seen.filter((each) => !swapped.includes(each.track));
      seen.push(...(await this.ask(picture, camera, swapped)));
    }
    const strays = strayed(seen, this.missed(), time_s);
    if (strays.length > 0) {
      seen = seen.filter((each) => !strays.some(([stray]) => stray === each));
      for (const [{ told }, owner] of strays) this.followAgain(owner, told.hand.joints_px);
      seen.push(...(await this.ask(picture, camera, strays.map(([, owner]) => owner))));
    }
    // One after the other: what is seen already is not taken for another hand.
    seen.push(...(await this.ask(picture, camera, await this.recover(picture, seen))));
    seen.push(...(await this.ask(picture, camera, await this.search(picture, seen))));
    const hands = this.update(seen, width, height);
    const total = performance.now() - began;
    const stages_ms = { ...this.estimator.takeStages?.(), track: total - this.asked_ms, total };
    return { time_s, width, height, camera, hands, stages_ms };
  }

  /** Where the joints of hands should be by now; lost: of those that were lost, with the size they had. */
  private expected(tracks: readonly Track<Memory>[], lost = false): Float64Array[] {
    return tracks.map((track) => track.motion.predicted(this.time_s, lost));
  }

  /** Waits for the estimator; its time is not tracking's. */
  private async timed<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    const began = performance.now();
    try {
      return await ask();
    } finally {
      this.asked_ms += performance.now() - began;
    }
  }

  /** What the frame shows where hands should be: those of them that it shows. */
  private async ask(picture: Picture, camera: Camera, tracks: readonly Track<Memory>[]): Promise<Sighting<Memory>[]> {
    if (tracks.length === 0) return [];
    const expected = this.expected(tracks);
    const predicted = tracks.map((track, n) => ({
      joints_px: expected[n],
      side: track.side,
      sideConfidence: track.sideConfidence,
      start: track.start,
      memory: track.memory,
    }));
    const told = (await this.timed(() => this.estimator.estimateTracked(picture, camera, predicted))).map(asSeen);
    const figures = this.rig.tracking;
    const hands = told.map(({ hand }, n) => {
      const length = handLength(hand.joints_m);
      const { size } = tracks[n];
      if (hand.confidence >= DOUBTFUL) size.observe(length, this.time_s);
      return rescaled(placedBetter(hand, camera, figures), size.ratio(length), figures);
    });
    return kept(tracks, told, expected).map((n) => ({ track: tracks[n], told: told[n], hand: hands[n] }));
  }

  /** Hands that this frame does not show where they should be, but where they were, or elsewhere. */
  private async recover(picture: Picture, seen: readonly Sighting<Memory>[]): Promise<Track<Memory>[]> {
    const held = new Set(seen.map((each) => each.track.identity));
    const missed = this.tracks.filter((track) => !held.has(track.identity));
    if (missed.length === 0) return [];
    for (const track of missed) track.lost_s = this.time_s;
    this.tracks = seen.map((each) => each.track);
    this.lost.push(...missed);
    const known = jointsOf(seen);
    const places = missed.map((track) => track.motion.joints_px);
    const atLast = await this.timed(() => lookFor(this.estimator, picture, places, known));
    const back = new Map<number, Found>();
    missed.forEach((track, n) => {
      const hand = atLast[n];
      if (hand && !speaksAgainst(track, probability(hand.sideOdds))) back.set(track.identity, hand);
    });
    const rest = missed.filter((track) => !back.has(track.identity));
    if (rest.length > 0) {
      const taken = [...known, ...Array.from(back.values(), (hand) => hand.joints_px)];
      const found = await this.timed(() => search(this.estimator, picture, taken, "fast", false));
      for (const [n, f] of this.matches(rest, found)) back.set(rest[n].identity, found[f]);
    }
    const again = missed.filter((track) => back.has(track.identity));
    for (const track of again) this.takeUp(track, back.get(track.identity)!);
    return again;
  }

  /** Take up hands that are not followed: those lost a moment ago, or new ones. */
  private async search(picture: Picture, seen: readonly Sighting<Memory>[]): Promise<Track<Memory>[]> {
    this.lost = this.lost.filter((track) => this.missingFor(track) <= REMEMBERED_S);
    const missing =
      this.tracks.length === 0 ||
      this.lost.some((track) => this.missingFor(track) <= MISSED_FOR_S) ||
      // Where one hand comes the other follows.
      this.tracks.some((track) => track.born_s > this.time_s - MISSED_FOR_S);
    if (!this.schedule.due(this.time_s, missing)) return [];
    const count = this.tracks.length;
    const known = jointsOf(seen);
    const lost = this.missed();
    const again = await this.timed(() => lookFor(this.estimator, picture, this.expected(lost, true), known));
    lost.forEach((track, n) => {
      const hand = again[n];
      if (!hand || speaksAgainst(track, probability(hand.sideOdds))) return;
      this.takeUp(track, hand);
      known.push(hand.joints_px);
    });
    const effort = this.schedule.closely(this.time_s, missing, known.length === 0) ? "normal" : "fast";
    const newcomers = await this.timed(() => search(this.estimator, picture, known, effort, true));
    const still = this.missed();
    const matches = new Map(this.matches(still, newcomers).map(([n, f]) => [f, still[n]]));
    const others = newcomers.map((_, f) => f).filter((f) => !matches.has(f));
    const gone = this.lost.filter((track) => !still.includes(track));
    for (const [n, f] of this.matches(gone, others.map((f) => newcomers[f]))) matches.set(others[f], gone[n]);
    newcomers.forEach((hand, n) => {
      const track = matches.get(n);
      if (track) this.takeUp(track, hand);
      else this.tracks.push(this.newTrack(hand));
    });
    return this.tracks.slice(count);
  }

  /** Hands that were lost a moment ago. */
  private missed(): Track<Memory>[] {
    return this.lost.filter((track) => this.missingFor(track) <= REGAINED_S);
  }

  /** Which of the hands found are which lost ones. */
  private matches(tracks: readonly Track<Memory>[], found: readonly Found[]): [number, number][] {
    const expected = this.expected(tracks, true);
    return matchHands(
      tracks.map((track, n) => ({
        joints_px: expected[n],
        odds: track.sideOdds,
        slack: SLACK_PER_S * Math.min(this.missingFor(track), REGAINED_S),
      })),
      found.map(({ joints_px, sideOdds }) => ({ joints_px, odds: sideOdds })),
    );
  }

  /** Follow a lost hand again, as a search found it. */
  private takeUp(track: Track<Memory>, hand: Found): void {
    track.hear(hand.sideOdds);
    this.followAgain(track, hand.joints_px);
  }

  /** Follow a lost hand again from there. */
  private followAgain(track: Track<Memory>, joints_px: Float64Array): void {
    track.foundAgain(joints_px, this.time_s);
    this.lost.splice(this.lost.indexOf(track), 1);
    this.tracks.push(track);
  }

  private newTrack(hand: Found): Track<Memory> {
    const joints = [...this.expected(this.tracks), hand.joints_px];
    const odds = [...this.tracks.map((track) => track.sideOdds), hand.sideOdds];
    const both = withPartners(odds, joints, this.rig.tracking.pair);
    const track = new Track<Memory>(this.rig, {
      identity: this.nextIdentity++,
      joints_px: hand.joints_px,
      time_s: this.time_s,
      sideOdds: hand.sideOdds,
      partnerOdds: both[both.length - 1] - hand.sideOdds,
      size: new HandSize(this.rig.tracking.size, this.handLength_m),
      smooth: this.smooth,
    });
    track.sightings = hand.score >= SURE_SCORE ? REPORTED_AFTER : 0;
    return track;
  }

  /** Bring tracks up to this frame; the hands to report, by identity. */
  private update(seen: readonly Sighting<Memory>[], width: number, height: number): Hand[] {
    const followed = new Set(seen.map((each) => each.track.identity));
    for (const track of this.tracks) {
      if (followed.has(track.identity)) continue;
      track.lost_s = this.time_s;
      this.lost.push(track);
    }
    this.tracks = seen.map((each) => each.track);
    const reported: Hand[] = [];
    for (const { track, told, hand } of seen) {
      track.sightings++;
      if (track.motion.time_s < this.time_s) track.motion = track.motion.seen(told.hand.joints_px, this.time_s);
      track.start = { pose_rad: told.hand.pose_rad, shape: told.hand.shape };
      track.memory = told.memory;
      track.confidence = hand.confidence;
      const pose = { root_m: hand.joints_m.slice(0, 3), pose_rad: hand.pose_rad, shape: hand.shape };
      const gated = track.gate.push(this.time_s, pose, hand.confidence, this.gated ? SURE : 0);
      if (track.reported(REPORTED_AFTER)) {
        track.told = true;
        const posed = this.gated || this.smooth;
        reported.push(reportSeen(this.rig, track.identity, hand, posed ? gated : { pose, state: hand.state }));
      }
      if (told.looked) track.hear(logit(told.right));
    }
    this.decideSides();
    for (const track of this.gated ? this.lost : []) {
      const gated = track.gate.push(this.time_s, null, 0, SURE);
      if (gated.pose !== null && track.told && !this.left(track, width, height)) {
        reported.push(reportHeld(this.rig, track, gated.pose, this.missingFor(track)));
      }
    }
    return reported.sort((a, b) => a.identity - b.identity);
  }

  /** Sides of the next frame's crops, by what was said of each hand and of its partner. */
  private decideSides(): void {
    const odds = this.tracks.map((track) => track.sideOdds);
    const joints = this.tracks.map((track) => track.motion.joints_px);
    const both = withPartners(odds, joints, this.rig.tracking.pair);
    this.tracks.forEach((track, n) => track.decide(both[n] - track.sideOdds));
  }

  /** Whether a lost hand is one that went out of the picture. */
  private left(track: Track<Memory>, width: number, height: number): boolean {
    const ahead = track.motion.predicted(this.time_s + AHEAD_S);
    let inside = 0;
    for (let n = 0; n < ahead.length; n += 2) {
      const [u, v] = [ahead[n], ahead[n + 1]];
      if (u > -0.5 && u < width - 0.5 && v > -0.5 && v < height - 0.5) inside++;
    }
    return inside / 21 < STILL_INSIDE;
  }

  /** Seconds since a lost hand was seen. */
  private missingFor(track: Track<Memory>): number {
    return track.lost_s === null ? 0 : this.time_s - track.lost_s;
  }
}

/** A hand whose pose is not all numbers, as of a network that failed on it, is not seen: one NaN would stay in the filter. */
function asSeen<Memory>(told: TrackedHand<Memory>): TrackedHand<Memory> {
  const { hand } = told;
  const values = [hand.joints_px, hand.joints_m, hand.pose_rad, hand.shape, [hand.confidence, told.right]];
  return values.every((each) => each.every(Number.isFinite)) ? told : { ...told, presence: 0 };
}

/** Where the frame shows the joints. */
function jointsOf(seen: readonly Sighting<unknown>[]): Float64Array[] {
  return seen.map((each) => each.told.hand.joints_px);
}

function checkCamera(camera: Camera): Camera {
  const { fx, fy, cx, cy } = camera;
  if (!(fx > 0 && fy > 0 && [fx, fy, cx, cy].every(Number.isFinite))) {
    throw new Error(`camera: expected fx and fy above 0 and finite cx and cy in px, got ${[fx, fy, cx, cy].join(", ")}`);
  }
  return camera;
}
