/** The whole path in Node: pixels of a video's frames in, hands out, beside Python's by the same networks. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createEstimator, type HandEstimator, type OpenedEstimator } from "../src/estimate/estimator";
import { Picture } from "../src/estimate/picture";
import type { Memory } from "../src/estimate/tracked";
import type { Camera, Side } from "../src/hand/frame";
import type { Detected, Effort, Estimator, Look, Predicted, TrackedHand } from "../src/track/estimator";
import { Tracker } from "../src/track/tracker";
import { files } from "./estimate_files";
import { type Call, type Clip, Replay } from "./golden_clips";
import { farthest, largestDifference, missing, readGolden } from "./golden_files";

interface VideoClip extends Clip {
  /** How far Python's tracker ends from itself when the hands that it finds first are moved by hundredths of a pixel. */
  shaken_mm: { mean: number; largest: number };
}

const skip = missing("golden/video.json");
const clip = skip ? null! : readGolden<VideoClip>("video.json");

let opened: Promise<OpenedEstimator> | null = null;
const open = (): Promise<OpenedEstimator> => (opened ??= createEstimator(files));

function* pictures(): Generator<Picture> {
  const { width, height } = clip;
  const pixels = readFileSync("golden/video.bin");
  for (let at = 0; at < pixels.length; at += 3 * width * height) {
    yield new Picture({ width, height, channels: 3, data: Uint8Array.from(pixels.subarray(at, at + 3 * width * height)) });
  }
}

const names = (all: readonly { identity: number; side: Side; state: string }[]): string[] =>
  all.map((hand) => `${hand.identity} ${hand.side} ${hand.state}`);

interface Shown {
  picture: Picture;
  calls: Call[];
}

/** Asks our networks and compares with Python's answers, with which it goes on: differences do not add up. */
class Beside implements Estimator<Shown, Memory> {
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

test("from Python's hands of the frame before, each frame's are Python's to 0.5 mm", { skip }, async () => {
  const { estimator, rig } = await open();
  const beside = new Beside(estimator, new Replay(clip));
  const tracker = new Tracker(beside, rig);
  let n = 0;
  for (const picture of pictures()) {
    const { time_s, calls, hands } = clip.frames[n++];
    const left = [...calls];
    const told = await tracker.next({ picture, calls: left }, time_s);
    assert.equal(left.length, 0);
    assert.deepEqual(names(told.hands), names(hands), `${time_s} s`);
  }
  console.log(`found within ${beside.found_px.toFixed(3)} px, followed within ${beside.followed_mm.toFixed(3)} mm of Python's`);
  assert.ok(beside.found_px < 0.2, `${beside.found_px} px`);
  assert.ok(beside.followed_mm < 0.5, `${beside.followed_mm} mm`);
});

test("left to itself it gives Python's identities, sides and states, as near as Python comes to itself", { skip }, async () => {
  const { estimator, rig } = await open();
  const tracker = new Tracker(estimator, rig);
  // What the test before took.
  estimator.takeStages();
  const off_mm: number[] = [];
  const stages: Record<string, number> = {};
  let n = 0;
  for (const picture of pictures()) {
    const { time_s, hands } = clip.frames[n++];
    const told = await tracker.next(picture, time_s);
    for (const [name, ms] of Object.entries(told.stages_ms)) stages[name] = (stages[name] ?? 0) + ms / clip.frames.length;
    assert.deepEqual(names(told.hands), names(hands), `${time_s} s`);
    told.hands.forEach((hand, i) => off_mm.push(1000 * farthest(hand.joints_m, hands[i].joints_m)));
  }
  const mean = off_mm.reduce((a, b) => a + b) / off_mm.length;
  const { shaken_mm } = clip;
  console.log(
    `${n} frames, ${off_mm.length} hands: ${mean.toFixed(2)} mm from Python's, largest ${Math.max(...off_mm).toFixed(2)}; ` +
      `Python from itself, shaken: ${shaken_mm.mean.toFixed(2)}, largest ${shaken_mm.largest.toFixed(2)}`,
  );
  console.log(`ms a frame: ${Object.entries(stages).map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(", ")}`);
  assert.ok(off_mm.length > 20);
  assert.ok(mean < 1.5 * shaken_mm.mean && Math.max(...off_mm) < 1.5 * shaken_mm.largest);
});
