/** The page's networks beside Python's answers, picture by picture; in Node and in a browser. */
import assert from "node:assert/strict";
import type { HandEstimator } from "../src/estimate/estimator";
import type { Picture } from "../src/estimate/picture";
import type { Memory } from "../src/estimate/tracked";
import type { Camera, Side } from "../src/hand/frame";
import type { Rig } from "../src/hand/rig";
import type { Detected, Effort, Estimator, Look, Predicted, TrackedHand } from "../src/track/estimator";
import { Tracker } from "../src/track/tracker";
import { farthest, largestDifference } from "./distances";
import { type Call, type Clip, Replay } from "./golden_clips";

/** A picture, and what Python was asked of it and answered. */
export interface Shown {
  picture: Picture;
  calls: Call[];
}

/** Asks our networks and compares with Python's answers, with which it goes on: differences do not add up. */
export class Beside implements Estimator<Shown, Memory> {
  /** The largest differences: of joints in the picture where hands are found, and of followed ones' in space. */
  found_px = 0;
  followed_mm = 0;

  constructor(
    private readonly ours: HandEstimator,
    private readonly python: Replay,
  ) {}

  size({ picture }: Shown): { width: number; height: number } {
    return this.ours.size(picture);
  }

  async detect({ picture, calls }: Shown, known_px: readonly Float64Array[], effort: Effort): Promise<Detected[]> {
    const python = await this.python.detect(calls, known_px, effort);
    const own = await this.ours.detect(picture, known_px, effort);
    assert.equal(own.length, python.length);
    return own.map((hand, n) => {
      this.found(hand.joints_px, python[n].joints_px);
      assert.ok(Math.abs(hand.score - python[n].score) < 5e-3);
      return { ...hand, ...python[n] };
    });
  }

  async decideSides({ picture, calls }: Shown, hands: readonly Detected[]): Promise<number[]> {
    const python = await this.python.decideSides(calls, hands);
    const own = await this.ours.decideSides(picture, hands);
    own.forEach((odds, n) => assert.ok(Math.abs(odds - python[n]) < 0.15, `odds ${odds}, Python's ${python[n]}`));
    return python;
  }

  async look({ picture, calls }: Shown, places_px: readonly Float64Array[]): Promise<Look[]> {
    const python = await this.python.look(calls, places_px);
    const own = await this.ours.look(picture, places_px);
    own.forEach((look, n) => {
      assert.ok(Math.abs(look.presence - python[n].presence) < 5e-3);
      if (look.presence > 0.5) this.found(look.joints_px, python[n].joints_px);
    });
    return python;
  }

  async estimateTracked(
    { picture, calls }: Shown,
    camera: Camera,
    predicted: readonly Predicted<Memory>[],
  ): Promise<TrackedHand<Memory>[]> {
    const asked = predicted.map((each) => ({ ...each, memory: null }));
    const python = await this.python.estimateTracked(calls, camera, asked);
    const own = await this.ours.estimateTracked(picture, camera, predicted);
    return own.map((each, n) => {
      const { hand, presence, right } = python[n];
      assert.ok(Math.abs(each.presence - presence) < 5e-3);
      assert.ok(Math.abs(each.hand.confidence - hand.confidence) < 5e-3);
      if (presence > 0.5) this.followed_mm = Math.max(this.followed_mm, 1000 * farthest(each.hand.joints_m, hand.joints_m));
      return { ...each, hand, presence, right };
    });
  }

  private found(own: Float64Array, python: Float64Array): void {
    this.found_px = Math.max(this.found_px, largestDifference(own, python));
  }
}

/** What tells hands apart: identity, side and state. */
export const names = (all: readonly { identity: number; side: Side; state: string }[]): string[] =>
  all.map((hand) => `${hand.identity} ${hand.side} ${hand.state}`);

/** Each picture from Python's hands of the one before, whose identities, sides and states must come out. */
export async function followBeside(
  opened: { estimator: HandEstimator; rig: Rig },
  clip: Clip,
  pictures: Iterable<Picture>,
): Promise<Beside> {
  const beside = new Beside(opened.estimator, new Replay(clip));
  const tracker = new Tracker(beside, opened.rig);
  let n = 0;
  for (const picture of pictures) {
    const { time_s, calls, hands } = clip.frames[n++];
    const left = [...calls];
    const told = await tracker.next({ picture, calls: left }, time_s);
    assert.equal(left.length, 0);
    assert.deepEqual(names(told.hands), names(hands), `${time_s} s`);
  }
  assert.equal(n, clip.frames.length);
  return beside;
}
