/** The whole path in Node: pixels of a video's frames in, hands out, beside Python's by the same networks. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createEstimator, type OpenedEstimator } from "../src/estimate/estimator";
import { Picture } from "../src/estimate/picture";
import { Tracker } from "../src/track/tracker";
import { files } from "./estimate_files";
import { followBeside, names } from "./beside";
import type { Clip } from "./golden_clips";
import { farthest, missing, readGolden } from "./golden_files";

interface VideoClip extends Clip {
  /** How far Python's tracker ends from itself when the hands that it finds first are moved by hundredths of a pixel. */
  shaken_mm: { mean: number; largest: number };
}

const skip = missing("golden/video.json");
const clip = skip ? null! : readGolden<VideoClip>("video.json");

let opened: Promise<OpenedEstimator> | null = null;
const open = (): Promise<OpenedEstimator> =>
  (opened ??= createEstimator(files, { pairs: true }).then(async (all) => {
    assert.ok(await all.estimator.pairsOpened());
    return all;
  }));

function* pictures(): Generator<Picture> {
  const { width, height } = clip;
  const pixels = readFileSync("golden/video.bin");
  for (let at = 0; at < pixels.length; at += 3 * width * height) {
    yield new Picture({ width, height, channels: 3, data: Uint8Array.from(pixels.subarray(at, at + 3 * width * height)) });
  }
}

test("from Python's hands of the frame before, each frame's are Python's to 0.5 mm", { skip }, async () => {
  const beside = await followBeside(await open(), clip, pictures());
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
