/** Two hands together, in Node: pairing, merging and the fit beside Python's, and the network itself. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createEstimator } from "../src/estimate/estimator";
import type { Evidence } from "../src/estimate/evidence";
import { type Files, PAIR_FILES, PATHS, readJson } from "../src/estimate/files";
import { isFound } from "../src/estimate/evidence";
import { joinLooks, mergeOdds, mergePair, type PairJoints } from "../src/estimate/merge";
import { fitHandOfPair, TWO_HANDS } from "../src/estimate/pair_fit";
import { pairBoxes, windowOf } from "../src/estimate/pairing";
import { Picture } from "../src/estimate/picture";
import { openRuntime } from "../src/estimate/runtime";
import { type EvidenceTable, Trust } from "../src/estimate/trust";
import type { Side } from "../src/hand/frame";
import { files } from "./estimate_files";
import { farthest, largestDifference, missing, readGolden, readRig } from "./golden_files";
import { framesOff, type GoldenPairs, networkOff } from "./pairs_beside";

interface GoldenJoints {
  px: number[][];
  m: number[][];
  confidence: number[];
  branches_px: number[][] | null;
}

interface Golden extends GoldenPairs {
  boxes: {
    boxes_px: number[][];
    sides: Side[];
    pairs: [number, number][];
    windows: { box_px: number[]; mirrored: boolean }[];
  }[];
  merges: {
    camera: [number, number, number, number];
    cases: {
      looks: GoldenJoints[];
      one: GoldenJoints;
      boxes_px: [number[], number[]];
      joined: GoldenJoints;
      merged: GoldenJoints & { share: number[]; changed: boolean[] };
      evidence: Record<string, number | number[]>[];
      start: "none" | "unknown" | { pose_rad: number[]; shape: number[] }[];
      fitted: GoldenJoints & Record<"pose_rad" | "shape" | "residual_m" | "evidence_px" | "evidence_m", (number[] | null)[]>;
    }[];
  };
}

const skip = missing("golden/pairs.json");
const golden = skip ? null! : readGolden<Golden>("pairs.json");
const bytes = skip ? null! : new Uint8Array(readFileSync("golden/pairs.bin"));
const SIDES = ["right", "left"] as const;

test("boxes make the pairs that Python makes, and are looked for where it looks", { skip }, () => {
  let pairs = 0;
  for (const { boxes_px, sides, pairs: python, windows } of golden.boxes) {
    const boxes = boxes_px.map((box) => Float64Array.from(box));
    const own = pairBoxes(boxes, sides);
    assert.deepEqual(own, python);
    own.forEach(([right, left], i) => {
      const { box_px, mirrored } = windowOf(boxes[right], boxes[left]);
      assert.ok(largestDifference(box_px, windows[i].box_px) < 1e-6);
      assert.equal(mirrored, windows[i].mirrored);
    });
    pairs += own.length;
  }
  assert.ok(pairs > 30, String(pairs));
});

const jointsOf = ({ px, m, confidence, branches_px }: GoldenJoints): PairJoints =>
  [0, 1].map((hand) => ({
    px: Float64Array.from(px[hand]),
    m: Float64Array.from(m[hand]),
    confidence: confidence[hand],
    branches_px: Float64Array.from(branches_px![hand]),
  })) as unknown as PairJoints;

function checkJoints(own: PairJoints, python: GoldenJoints, what: string): void {
  own.forEach(({ px, m, confidence, branches_px }, hand) => {
    assert.ok(largestDifference(px, python.px[hand]) < 1e-5, `${what}: px`);
    assert.ok(farthest(m, python.m[hand]) < 1e-7, `${what}: ${1000 * farthest(m, python.m[hand])} mm`);
    assert.ok(Math.abs(confidence - python.confidence[hand]) < 1e-8, `${what}: confidence`);
    if (python.branches_px) assert.ok(largestDifference(branches_px, python.branches_px[hand]) < 1e-5, `${what}: branches`);
  });
}

test("looks are joined, systems merged and the rig fitted as in Python, to 0.1 mm", { skip }, async () => {
  const table = await readJson<EvidenceTable>(files, PATHS.evidence);
  const [odds, trust, rig] = [mergeOdds(table, "dfl-lite+dahyf-photo"), new Trust(table, TWO_HANDS), readRig()];
  const { camera, cases } = golden.merges;
  const [fx, fy, cx, cy] = camera;
  const lens = { fx, fy, cx, cy };
  let most_mm = 0;
  cases.forEach((each, n) => {
    const boxes = each.boxes_px.map((box) => Float64Array.from(box)) as [Float64Array, Float64Array];
    const two = joinLooks(jointsOf(each.looks[0]), jointsOf(each.looks[1]), boxes, lens);
    checkJoints(two, each.joined, `${n}: looks`);
    const believed = [two[0].confidence >= 0.5, two[1].confidence >= 0.5] as const;
    const merged = mergePair(two, jointsOf(each.one), boxes, lens, believed, odds);
    checkJoints([merged[0].joints, merged[1].joints], each.merged, `${n}: systems`);
    assert.ok(largestDifference(merged.map(({ share }) => share), each.merged.share) < 1e-8);
    assert.deepEqual(merged.map(({ changed }) => changed), each.merged.changed);

    const evidence = each.evidence.map(
      (told) =>
        Object.fromEntries(
          Object.entries(told).map(([name, value]) => [name, Array.isArray(value) ? Float64Array.from(value) : value]),
        ) as unknown as Evidence,
    );
    const told = evidence.some(isFound);
    merged.forEach(({ joints }, hand) => {
      const { start } = each;
      const began =
        start === "none"
          ? null
          : start === "unknown"
            ? { pose_rad: new Float64Array(48).fill(NaN), shape: new Float64Array(10).fill(NaN) }
            : { pose_rad: Float64Array.from(start[hand].pose_rad), shape: Float64Array.from(start[hand].shape) };
      const own = fitHandOfPair(rig, trust, joints, SIDES[hand], lens, told ? evidence[hand] : null, began);
      const python = each.fitted;
      most_mm = Math.max(most_mm, 1000 * farthest(own.joints_m, python.m[hand]));
      assert.ok(largestDifference(own.joints_px, python.px[hand]) < 0.1, `${n}: px`);
      for (const [name, bound] of [["pose_rad", 0.01], ["shape", 0.02], ["evidence_px", 1e-4], ["evidence_m", 1e-6]] as const) {
        const wanted = python[name][hand];
        if (wanted === null) assert.ok(own[name].some(Number.isNaN), `${n}: ${name}`);
        else assert.ok(largestDifference(own[name], wanted) < bound, `${n}: ${name} ${largestDifference(own[name], wanted)}`);
      }
      const residual = python.residual_m[hand];
      if (residual === null) assert.ok(Number.isNaN(own.residual_m));
      else assert.ok(Math.abs(own.residual_m - residual[0]) < 1e-5);
    });
  });
  console.log(`${2 * cases.length} hands of pairs: within ${most_mm.toFixed(4)} mm of Python's`);
  assert.ok(most_mm > 0 && most_mm < 0.1, `${most_mm} mm`);
});

test("hands whose joints lie metres apart or behind the camera keep them, at rest", { skip }, async () => {
  const trust = new Trust(await readJson<EvidenceTable>(files, PATHS.evidence), TWO_HANDS);
  const { looks } = golden.merges.cases[0];
  const [right] = jointsOf(looks[0]);
  const lens = { fx: 500, fy: 500, cx: 300, cy: 200 };
  for (const m of [right.m.map((value) => 20 * value), right.m.map((value) => -value), right.m.map(() => NaN)]) {
    const hand = fitHandOfPair(readRig(), trust, { ...right, m }, "left", lens, null, null);
    assert.equal(hand.joints_m, m);
    assert.ok(hand.pose_rad.every((value) => value === 0));
    assert.ok(Number.isNaN(hand.residual_m));
  }
});

test("the network answers as onnxruntime does in Python, to 1e-3", { skip }, async () => {
  const off = await networkOff(await openRuntime(), files, golden, bytes);
  console.log(`two-hand network: ${off.toExponential(1)} off`);
  assert.ok(off > 0 && off < 1e-3, String(off));
});

test("hands that meet are Python's to 0.5 mm, and are not what one by one they are", { skip }, async () => {
  const told: string[] = [];
  const { estimator } = await createEstimator(files, { pairs: true, pairsTold: (note) => told.push(note) });
  assert.equal(await estimator.pairsOpened(), true);
  assert.deepEqual(told, [""]);
  const { most_mm, alone_mm, stages } = await framesOff(estimator, golden, bytes);
  console.log(`${golden.frames.length} frames of hands that meet: within ${most_mm.toFixed(3)} mm of Python's`);
  console.log(`ms a frame of two: ${Object.entries(stages[1]).map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(", ")}`);
  assert.ok(most_mm > 0 && most_mm < 0.5, `${most_mm} mm`);
  assert.ok(alone_mm > 10, `${alone_mm} mm`);
});

/** The hands of the first golden frame, as a track's first sighting. */
async function firstFrame(estimator: Awaited<ReturnType<typeof createEstimator>>["estimator"]) {
  const { picture, camera, places } = golden.frames[0];
  const { offset, width, height } = picture;
  const frame = new Picture({ width, height, channels: 3, data: bytes.slice(offset, offset + 3 * width * height) });
  const predicted = places.map(({ joints_px, side }) => {
    return { joints_px: Float64Array.from(joints_px), side, sideConfidence: 1, start: null, memory: null };
  });
  return estimator.estimateTracked(frame, { ...camera, assumed: true }, predicted);
}

const soon = () => new Promise((done) => setTimeout(done, 20));

test("the network is asked for when hands meet, not before, and the frame does not wait for it", { skip }, async () => {
  const asked: string[] = [];
  const told: string[] = [];
  const noting: Files = (name) => {
    if (PAIR_FILES.includes(name)) asked.push(name);
    return files(name);
  };
  const { estimator } = await createEstimator(noting, { pairs: true, pairsTold: (note) => told.push(note) });
  assert.deepEqual(asked, []);
  const first = await firstFrame(estimator);
  assert.deepEqual(asked, PAIR_FILES);
  assert.deepEqual(first.map(({ hand }) => hand.system), ["dahyf-photo", "dahyf-photo"]);
  await soon();
  const second = await firstFrame(estimator);
  assert.deepEqual(second.map(({ hand }) => hand.system), ["dfl-lite+dahyf-photo", "dfl-lite+dahyf-photo"]);
  assert.deepEqual(told, [""]);
  assert.ok(estimator.takeStages().pairs > 1);
  estimator.setPairs(false);
  const third = await firstFrame(estimator);
  assert.deepEqual(third.map(({ hand }) => hand.system), ["dahyf-photo", "dahyf-photo"]);
  assert.ok(farthest(third[0].hand.joints_m, first[0].hand.joints_m) === 0);
  assert.equal(estimator.takeStages().pairs, undefined);
  estimator.setPairs(true);
  assert.equal((await firstFrame(estimator))[0].hand.system, "dfl-lite+dahyf-photo");
  assert.equal(asked.length, PAIR_FILES.length);
});

test("where the network does not come or is damaged, hands go on one by one, and it is said once", { skip }, async () => {
  const onnx = PAIR_FILES[1];
  let broken: "missing" | "damaged" | null = "missing";
  let asked = 0;
  const failing: Files = async (name) => {
    if (name !== onnx || broken === null) return files(name);
    asked++;
    if (broken === "missing") throw new Error(`${name}: expected a file of this page, got no answer`);
    return new Uint8Array(await files(name)).map((value, i) => (i === 5000 ? value ^ 1 : value)).buffer as ArrayBuffer;
  };
  const told: string[] = [];
  const { estimator } = await createEstimator(failing, { pairs: true, pairsTold: (note) => told.push(note) });
  for (const _ of [0, 1, 2]) {
    assert.equal((await firstFrame(estimator))[0].hand.system, "dahyf-photo");
    await soon();
  }
  assert.equal(asked, 1);
  assert.deepEqual(told, [
    "Hands that meet are estimated one by one, as the network for two did not come (models/weights/dfl-lite.onnx: " +
      "expected a file of this page, got no answer).",
  ]);

  broken = "damaged";
  estimator.setPairs(true);
  for (const _ of [0, 1, 2]) {
    assert.equal((await firstFrame(estimator))[0].hand.system, "dahyf-photo");
    await soon();
  }
  assert.equal(asked, 2);
  assert.equal(told.length, 2);
  assert.match(told[1], /one by one, .*dfl-lite\.onnx: expected sha256 .*damaged or of another version/);
  assert.equal(told[1].split("\n").length, 1);
  assert.equal(await estimator.pairsOpened(), false);

  broken = null;
  estimator.setPairs(true);
  assert.equal(await estimator.pairsOpened(), true);
  assert.equal((await firstFrame(estimator))[0].hand.system, "dfl-lite+dahyf-photo");
});
