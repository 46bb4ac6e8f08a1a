import assert from "node:assert/strict";
import { test } from "node:test";
import type { Camera, HandFrame, Side } from "../src/hand/frame";
import type { Detected, Estimator, Look, Predicted, TrackedHand } from "../src/track/estimator";
import { boxOf } from "../src/track/points";
import { Tracker, type TrackerOptions } from "../src/track/tracker";
import { names } from "./beside";
import { type Clip, orNaN, Replay } from "./golden_clips";
import { farthest, largestDifference, missing, readGolden, readRig } from "./golden_files";

const skip = missing("golden/tracking.json");
const rig = skip ? null! : readRig();
const clips = skip ? [] : readGolden<{ clips: Clip[] }>("tracking.json").clips;

function optionsOf(clip: Clip): TrackerOptions {
  const { gate, smooth, hand_length_m } = clip.options;
  const [fx, fy, cx, cy] = clip.camera ?? [0, 0, 0, 0];
  return {
    gate,
    smooth,
    handLength_m: hand_length_m,
    camera: clip.camera ? { fx, fy, cx, cy, assumed: false } : null,
  };
}

for (const name of ["photo", "script", "script, as seen", "script, of known length", "meeting"]) {
  test(`follows "${name}" as Python does`, { skip }, async () => {
    const clip = clips.find((each) => each.name === name)!;
    const replay = new Replay(clip);
    const tracker = new Tracker(replay, rig, optionsOf(clip));
    let joints = 0;
    let surface = 0;
    let hands = 0;
    for (const frame of clip.frames) {
      const calls = [...frame.calls];
      const told: HandFrame = await tracker.next(calls, frame.time_s);
      const what = `${name}, ${frame.time_s} s`;
      assert.equal(calls.length, 0, `${what}: Python asked for ${calls[0]?.kind} too`);
      assert.equal(told.time_s, frame.time_s);
      assert.deepEqual(names(told.hands), names(frame.hands), what);
      told.hands.forEach((hand, n) => {
        const python = frame.hands[n];
        joints = Math.max(joints, farthest(hand.joints_m, python.joints_m));
        surface = Math.max(surface, farthest(hand.vertices_m.subarray(0, 3), python.wrist_vertex_m));
        assert.ok(Math.abs(hand.confidence - python.confidence) < 1e-6, what);
        assert.ok(largestDifference(hand.shape, python.shape) < 1e-4, what);
        const errors = orNaN(python.joint_error_m);
        assert.deepEqual(Array.from(hand.joint_error_m, Number.isNaN), Array.from(errors, Number.isNaN), what);
        if (!Number.isNaN(errors[0])) assert.ok(largestDifference(hand.joint_error_m, errors) < 1e-6, what);
        hands++;
      });
    }
    console.log(
      `${name}: ${clip.frames.length} frames, ${hands} hands, joints within ${(1e3 * joints).toFixed(6)} mm of Python's, ` +
        `asked within ${replay.apart_px.toExponential(0)} px`,
    );
    assert.ok(hands > 20);
    assert.ok(joints <= 1e-4, `${joints} m`);
    assert.ok(surface <= 1e-4, `${surface} m`);
  });
}

test("the clips have what they are for", { skip }, () => {
  const { frames } = clips.find((clip) => clip.name === "script")!;
  const states = new Set(frames.flatMap((frame) => frame.hands.map((hand) => hand.state)));
  assert.deepEqual([...states].sort(), ["doubtful", "held", "observed"]);
  const calls = frames.flatMap((frame) => frame.calls.map((call) => call.kind));
  assert.deepEqual([...new Set(calls)].sort(), ["detect", "estimate", "look", "sides"]);
  const kinds = (clip: Clip): string[] => clip.frames.map((frame) => frame.calls.map((call) => call.kind[0]).join(""));
  // A hand that was away for longer than three seconds is another one.
  const photo = clips.find((clip) => clip.name === "photo")!;
  assert.deepEqual([...new Set(photo.frames.flatMap((frame) => frame.hands.map((hand) => hand.identity)))], [0, 1, 2, 3]);
  // Hands that were exchanged are asked about again at once.
  const meeting = clips.find((clip) => clip.name === "meeting")!;
  assert.ok(kinds(meeting).includes("ee"));
  const sides = new Map<number, Side>();
  for (const frame of meeting.frames) {
    if (frame.time_s > 1) break;
    for (const hand of frame.hands) assert.equal(sides.get(hand.identity) ?? hand.side, hand.side);
    for (const hand of frame.hands) sides.set(hand.identity, hand.side);
  }
  assert.deepEqual([...sides.values()].sort(), ["left", "right"], "each hand has kept its identity");
  // What one saw that was led to the other, which was missing there, is the other's; its own is looked for at once.
  assert.ok(kinds(meeting).slice(30).some((calls) => calls.startsWith("eeld")));
});

/** One right hand that is always seen at the same place; what it is like may be changed. */
class OneHand implements Estimator<string, number> {
  readonly remembered: (number | null)[] = [];
  change: (hand: TrackedHand<number>) => TrackedHand<number> = (hand) => hand;
  fails: string | null = null;
  stages = { detect: 2 };

  private readonly hand = rig.pose("right", new Float64Array(48), new Float64Array(10), [0, 0, 0.6]);
  private readonly joints_px = Float64Array.from({ length: 42 }, (_, n) => {
    const [x, y, z] = this.hand.joints_m.subarray(3 * (n >> 1));
    return n % 2 === 0 ? 320 + (600 * x) / z : 240 + (600 * y) / z;
  });

  size(): { width: number; height: number } {
    return { width: 640, height: 480 };
  }

  async detect(_: string, known_px: readonly Float64Array[]): Promise<Detected[]> {
    if (this.fails) throw new Error(this.fails);
    const box_px = Float64Array.from(boxOf(this.joints_px));
    const hand = { joints_px: this.joints_px, box_px, score: 0.95, presence: 0.9, right: 0.9, placeRight: 0.5 };
    return known_px.length > 0 ? [] : [hand];
  }

  async decideSides(_: string, hands: readonly Detected[]): Promise<number[]> {
    return hands.map(() => 4);
  }

  async look(_: string, places_px: readonly Float64Array[]): Promise<Look[]> {
    return places_px.map(() => ({ joints_px: this.joints_px, box_px: new Float64Array(4), presence: 0.9, right: 0.9 }));
  }

  async estimateTracked(_: string, __: Camera, predicted: readonly Predicted<number>[]): Promise<TrackedHand<number>[]> {
    return predicted.map((each) => {
      this.remembered.push(each.memory);
      return this.change({
        presence: 0.9,
        right: 0.9,
        looked: true,
        asked: true,
        memory: this.remembered.length,
        hand: {
          side: each.side,
          confidence: 0.95,
          state: "observed",
          box_px: Float64Array.from(boxOf(this.joints_px)),
          joints_px: this.joints_px,
          joints_m: Float64Array.from(this.hand.joints_m),
          pose_rad: new Float64Array(48),
          shape: new Float64Array(10),
          joint_error_px: new Float64Array(21).fill(NaN),
          joint_error_m: new Float64Array(21).fill(NaN),
        },
      });
    });
  }

  takeStages(): Record<string, number> {
    return this.stages;
  }
}

test("gives the camera it was given, or a guess, and the time by stage", { skip }, async () => {
  const guessed = await new Tracker(new OneHand(), rig).next("", 0);
  assert.deepEqual(guessed.camera, { fx: 800, fy: 800, cx: 319.5, cy: 239.5, assumed: true });
  assert.deepEqual([guessed.width, guessed.height, guessed.time_s], [640, 480, 0]);
  assert.equal(guessed.stages_ms.detect, 2);
  assert.ok(guessed.stages_ms.track > 0 && guessed.stages_ms.track <= guessed.stages_ms.total);
  const camera = { fx: 600, fy: 610, cx: 300, cy: 200, assumed: false };
  assert.deepEqual((await new Tracker(new OneHand(), rig, { camera }).next("", 0)).camera, camera);
});

test("passes the estimator's memory on, and forgets it of a hand that was lost", { skip }, async () => {
  const estimator = new OneHand();
  const tracker = new Tracker(estimator, rig);
  for (let n = 0; n < 3; n++) await tracker.next("", n / 30);
  assert.deepEqual(estimator.remembered, [null, 1, 2]);
  estimator.change = (hand) => ({ ...hand, presence: 0.1 });
  await tracker.next("", 0.1);
  // Not seen where it was expected, then found by a look, and by the detector: of those nothing is remembered.
  assert.deepEqual(estimator.remembered.slice(3), [3, null, null]);
});

test("times must run forward", { skip }, async () => {
  const tracker = new Tracker(new OneHand(), rig);
  await tracker.next("", 1);
  const before = await tracker.next("", 1.1);
  for (const time_s of [1.1, 0.5, NaN, Infinity]) {
    await assert.rejects(tracker.next("", time_s), {
      message: `time_s: expected one after that of the last frame, 1.1, got ${time_s}`,
    });
  }
  // A refused frame changes nothing.
  const after = await tracker.next("", 1.2);
  assert.deepEqual(
    after.hands.map((hand) => hand.identity),
    before.hands.map((hand) => hand.identity),
  );
});

test("takes one frame at a time", { skip }, async () => {
  const tracker = new Tracker(new OneHand(), rig);
  const first = tracker.next("", 0);
  await assert.rejects(tracker.next("", 1), /^Error: next: expected one frame at a time, got one before the last was done$/);
  assert.equal((await first).time_s, 0);
  assert.equal((await tracker.next("", 1)).time_s, 1);
});

test("goes on after an estimator that failed", { skip }, async () => {
  const estimator = new OneHand();
  const tracker = new Tracker(estimator, rig);
  estimator.fails = "network: out of memory";
  await assert.rejects(tracker.next("", 0), /^Error: network: out of memory$/);
  estimator.fails = null;
  for (let n = 1; n < 9; n++) await tracker.next("", n / 10);
  assert.equal((await tracker.next("", 1)).hands.length, 1);
});

test("hands that are no numbers are taken for hands that are not seen", { skip }, async () => {
  const estimator = new OneHand();
  const tracker = new Tracker(estimator, rig);
  for (let n = 0; n < 6; n++) assert.equal((await tracker.next("", n / 30)).hands.length, 1);
  estimator.change = (told) => ({
    ...told,
    hand: { ...told.hand, joints_m: told.hand.joints_m.map((value, n) => (n === 5 ? NaN : value)) },
  });
  const broken = await tracker.next("", 0.2);
  assert.deepEqual(
    broken.hands.map((hand) => hand.state),
    ["held"],
  );
  estimator.change = (hand) => hand;
  for (let n = 7; n < 14; n++) await tracker.next("", n / 30);
  const back = await tracker.next("", 0.5);
  assert.deepEqual(
    back.hands.map((hand) => [hand.identity, hand.state]),
    [[0, "observed"]],
  );
  for (const { joints_m, vertices_m, pose_rad, shape } of [...broken.hands, ...back.hands]) {
    for (const values of [joints_m, vertices_m, pose_rad, shape]) assert.ok(values.every(Number.isFinite));
  }
});

test("says which camera and length it takes", { skip }, () => {
  const camera = { fx: 600, fy: 0, cx: 1, cy: 1, assumed: false };
  assert.throws(() => new Tracker(new OneHand(), rig, { camera }), /^Error: camera: expected fx and fy above 0/);
  assert.throws(() => new Tracker(new OneHand(), rig, { camera: { ...camera, fy: 600, cx: NaN } }), /^Error: camera: /);
  assert.throws(
    () => new Tracker(new OneHand(), rig, { handLength_m: 1.8 }),
    /^Error: hand length: expected metres between 0.08 and 0.28, .* got 1.8$/,
  );
});
