import assert from "node:assert/strict";
import { test } from "node:test";
import type { Side } from "../src/hand/frame";
import { patchFromFrame, type Square } from "../src/estimate/affine";
import { cropExactly } from "../src/estimate/crops";
import { createEstimator, type OpenedEstimator } from "../src/estimate/estimator";
import { type Files, FILE_NAMES, fetchedAhead, openNetwork, PATHS } from "../src/estimate/files";
import { normalised, type Patch, Picture } from "../src/estimate/picture";
import { type Input, openRuntime } from "../src/estimate/runtime";
import type { Memory } from "../src/estimate/tracked";
import { showWhole } from "../src/estimate/windows";
import type { Predicted } from "../src/track/estimator";
import { files, patchAt, type Place, pictureAt, rgbaAt } from "./estimate_files";
import { farthest, largestDifference, missing, readGolden } from "./golden_files";

interface GoldenHand {
  side: Side;
  confidence: number;
  box_px: number[];
  joints_px: number[];
  joints_m: number[];
  pose_rad: number[];
  shape: number[];
  joint_error_px: number[];
  joint_error_m: number[];
  presence: number;
  right: number;
  looked: boolean;
  asked: boolean;
}

interface Golden {
  photo: Place;
  crops: (Square & { aspect: number; quick: Place; exact: Place })[];
  windows: { frame: Place; input_px: number; picture: Place; scale: number[]; corner: number[] }[];
  networks: Record<
    string,
    { picture: Place; outputs: Record<string, number[]>; crop?: number[]; camera?: number[]; roll?: number }
  >;
  frames: {
    picture: Place;
    camera: { fx: number; fy: number; cx: number; cy: number };
    found: { joints_px: number[]; score: number; presence: number; right: number; odds: number }[];
    /** Boxes of hands besides those, where they are known. */
    besides: number[][];
    alone: GoldenHand[];
    after: { look: boolean[]; ask: boolean[]; hands: GoldenHand[] }[];
  }[];
}

const skip = missing("golden/estimation.json");
const golden = skip ? null! : readGolden<Golden>("estimation.json");
let opened: Promise<OpenedEstimator> | null = null;
const open = (): Promise<OpenedEstimator> => (opened ??= createEstimator(files));

test("crops are Python's to half a grey level and rounding", { skip }, () => {
  const photo = pictureAt(golden.photo);
  for (const { aspect, quick, exact, ...square } of golden.crops) {
    const mine = photo.warpQuickly(patchFromFrame(square, quick.width, aspect), quick.width);
    checkPatch(mine, patchAt(quick), `quick ${JSON.stringify(square)}`);
    checkPatch(cropExactly(photo, square, exact.width, aspect), patchAt(exact), `exact ${JSON.stringify(square)}`);
  }
});

test("pictures of four bytes a pixel are cut as those of three", { skip }, () => {
  const photo = new Picture({ ...rgbaAt(golden.photo), channels: 4 });
  for (const { aspect, quick, exact, ...square } of golden.crops) {
    checkPatch(photo.warpQuickly(patchFromFrame(square, quick.width, aspect), quick.width), patchAt(quick), "quick");
    checkPatch(cropExactly(photo, square, exact.width, aspect), patchAt(exact), "exact");
  }
});

test("whole pictures are shown as Python shows them", { skip }, () => {
  for (const { frame, input_px, picture, scale, corner } of golden.windows) {
    const shown = showWhole(pictureAt(frame), input_px);
    checkPatch(shown.patch, patchAt(picture), `${frame.width} x ${frame.height} at ${input_px}`);
    assert.ok(largestDifference(shown.scale, scale) < 1e-6);
    assert.ok(largestDifference(shown.corner, corner) < 1e-6);
  }
});

/** At most one grey level off, where rounding falls the other way, and that in few px. */
function checkPatch(mine: Patch, python: Patch, what: string): void {
  assert.deepEqual([mine.width, mine.height], [python.width, python.height], what);
  let off = 0;
  mine.data.forEach((value, i) => {
    const away = Math.abs(value - python.data[i]);
    assert.ok(away <= 1, `${what}: px ${i} is ${value}, Python's ${python.data[i]}`);
    off += away;
  });
  assert.ok(off / mine.data.length < 0.01, `${what}: ${off} of ${mine.data.length} bytes are one off`);
}

test("networks answer as in Python to 1e-3", { skip }, async () => {
  const runtime = await openRuntime();
  for (const [name, { picture, outputs, crop, camera, roll }] of Object.entries(golden.networks)) {
    const path = Object.values(PATHS).find((each) => each.endsWith(name))!;
    const patch = patchAt(picture);
    const rgb: Input = { data: patch.data, dims: [1, patch.height, patch.width, 3] };
    const inputs: Record<string, Input> =
      crop && camera
        ? {
            patch: { data: normalised([patch]), dims: [1, 3, patch.height, patch.width] },
            crop: { data: Float32Array.from(crop), dims: [1, 3] },
            camera: { data: Float32Array.from(camera), dims: [1, 4] },
            roll: { data: Float32Array.of(roll!), dims: [1] },
          }
        : { picture: rgb };
    const wanted = { inputs: Object.keys(inputs), outputs: Object.keys(outputs) };
    const { network } = await openNetwork(runtime, files, path, wanted);
    const told = await network.run(inputs);
    for (const [output, values] of Object.entries(outputs)) {
      // Relative to what the output is about: px, logits of up to a hundred.
      const scale = Math.max(1, ...values.map(Math.abs));
      const off = largestDifference(told[output], values) / scale;
      assert.ok(off < 1e-3, `${name}, ${output}: ${off} off`);
    }
  }
});

test("hands are found where Python finds them, with their sides", { skip }, async () => {
  const { estimator } = await open();
  for (const { picture, found, besides } of golden.frames) {
    const frame = pictureAt(picture);
    const hands = await estimator.detect(frame, [], "fast");
    assert.equal(hands.length, found.length);
    const odds = await estimator.decideSides(frame, hands);
    hands.forEach((hand, i) => {
      assert.ok(largestDifference(hand.joints_px, found[i].joints_px) < 0.1);
      assert.ok(Math.abs(hand.score - found[i].score) < 1e-3);
      assert.ok(Math.abs(hand.presence - found[i].presence) < 1e-3);
      assert.ok(Math.abs(hand.right - found[i].right) < 1e-3);
      // Of a hand in doubt, how well the fits of both readings agree: they amplify the last digits.
      assert.ok(Math.abs(odds[i] - found[i].odds) < 0.15, `odds ${odds[i]}, Python's ${found[i].odds}`);
    });
    const known = hands.map(({ joints_px }) => joints_px);
    const more = await estimator.detect(frame, known, "fast");
    assert.equal(more.length, besides.length);
    more.forEach(({ box_px }, i) => assert.ok(largestDifference(box_px, besides[i]) < 0.3));
  }
});

test("followed hands are Python's to .5 mm, with confidence and errors", { skip }, async () => {
  const { estimator } = await open();
  let before: Predicted<Memory>[] = [];
  for (const { picture, camera, found, alone, after } of golden.frames) {
    const frame = pictureAt(picture);
    const lens = { ...camera, assumed: true };
    for (const { look, ask, hands } of after) {
      const told = await estimator.estimateTracked(frame, lens, before, { look, ask });
      told.forEach((each, i) => checkHand(each, hands[i]));
    }
    const fresh = found.map(({ joints_px }, i) => ({
      joints_px: Float64Array.from(joints_px),
      side: alone[i].side,
      sideConfidence: 1,
      start: null,
      memory: null,
    }));
    const told = await estimator.estimateTracked(frame, lens, fresh);
    told.forEach((each, i) => checkHand(each, alone[i]));
    // From Python's hands on, so that differences do not add up.
    before = alone.map(({ joints_px, side, pose_rad, shape }, i) => ({
      joints_px: Float64Array.from(joints_px),
      side,
      sideConfidence: 1,
      start: { pose_rad: Float64Array.from(pose_rad), shape: Float64Array.from(shape) },
      memory: told[i].memory,
    }));
  }
});

type Told = Awaited<ReturnType<OpenedEstimator["estimator"]["estimateTracked"]>>[number];

function checkHand({ hand, ...told }: Told, python: GoldenHand): void {
  const off_mm = 1000 * farthest(hand.joints_m, python.joints_m);
  assert.ok(off_mm < 0.5, `joints ${off_mm} mm off`);
  assert.equal(hand.side, python.side);
  assert.ok(largestDifference(hand.joints_px, python.joints_px) < 0.3);
  assert.ok(largestDifference(hand.box_px, python.box_px) < 0.3);
  assert.ok(largestDifference(hand.pose_rad, python.pose_rad) < 0.02, `pose`);
  assert.ok(largestDifference(hand.shape, python.shape) < 0.05);
  assert.ok(Math.abs(hand.confidence - python.confidence) < 5e-3);
  assert.ok(largestDifference(hand.joint_error_m, python.joint_error_m) < 2e-4);
  assert.ok(largestDifference(hand.joint_error_px, python.joint_error_px) < 0.1);
  assert.ok(Math.abs(told.presence - python.presence) < 2e-3);
  assert.ok(Math.abs(told.right - python.right) < 2e-3);
  assert.equal(told.looked, python.looked);
  assert.equal(told.asked, python.asked);
}

test("no hands ask no network", { skip }, async () => {
  const { estimator } = await open();
  const frame = pictureAt(golden.photo);
  const lens = { fx: 500, fy: 500, cx: 200, cy: 200, assumed: false };
  assert.deepEqual(await estimator.estimateTracked(frame, lens, []), []);
  assert.deepEqual(await estimator.look(frame, []), []);
  assert.deepEqual(await estimator.decideSides(frame, []), []);
});

test("an empty picture has no hands, however small or thin it is", { skip }, async () => {
  const { estimator } = await open();
  for (const [width, height] of [[320, 200], [1, 1], [3, 500], [700, 2]]) {
    const grey = new Picture({ width, height, channels: 3, data: new Uint8Array(3 * width * height).fill(128) });
    assert.deepEqual(await estimator.detect(grey, [], "normal"), []);
  }
});

test("a hand that is not where it was expected, or outside the picture, is told to be rather none", { skip }, async () => {
  const { estimator } = await open();
  const frame = pictureAt(golden.photo);
  const lens = { fx: 500, fy: 500, cx: 200, cy: 200, assumed: false };
  const joints = Float64Array.from(golden.frames[0].alone[0].joints_px);
  for (const by of [5000, -5000]) {
    const joints_px = joints.map((value) => value + by);
    const [told] = await estimator.estimateTracked(frame, lens, [
      { joints_px, side: "left", sideConfidence: 1, start: null, memory: null },
    ]);
    assert.ok(told.presence < 0.5);
    assert.ok(told.hand.confidence < 0.5, `${told.hand.confidence}`);
    assert.equal(told.hand.state, "doubtful");
    assert.ok(told.hand.joints_m.every(Number.isFinite));
  }
});

const changed =
  (name: string, change: (bytes: Uint8Array) => Uint8Array): Files =>
  async (asked) => {
    const read = await files(asked);
    return asked === name ? (change(new Uint8Array(read)).slice().buffer as ArrayBuffer) : read;
  };

test("a file that is damaged, cut short, of another version or missing is named", { skip }, async () => {
  const onnx = `${PATHS.estimator}.onnx`;
  const record = `${PATHS.estimator}.json`;
  const json = (change: (record: Record<string, unknown>) => unknown) => (bytes: Uint8Array) =>
    new TextEncoder().encode(JSON.stringify(change(JSON.parse(new TextDecoder().decode(bytes)))));
  const flip = (bytes: Uint8Array) => bytes.map((value, i) => (i === 5000 ? value ^ 1 : value));
  const cases: [Files, RegExp][] = [
    [changed(onnx, flip), /dahyf-photo\.onnx: expected sha256 .*damaged or of another version/],
    [changed(onnx, (all) => all.subarray(0, 1000)), /dahyf-photo\.onnx: expected sha256/],
    [changed(record, () => new TextEncoder().encode("<html>")), /dahyf-photo\.json: expected JSON, got/],
    [changed(record, json(() => ({}))), /dahyf-photo\.json: expected the record of a network/],
    [changed(PATHS.evidence, json(() => ({ systems: {} }))), /evidence\.json: expected figures/],
    [changed(PATHS.certainty, json(() => ({ systems: {} }))), /certainty\.json: expected figures/],
    [changed(PATHS.sides, json(() => ({}))), /sides\.json: expected odds/],
    [changed(PATHS.judge, json(() => ({}))), /judge\.json: expected the judge of palm/],
    [changed(PATHS.rig, (all) => all.subarray(0, 100)), /rig/],
    [
      async (name) => {
        if (name === onnx) throw new Error(`${name}: not found`);
        return files(name);
      },
      /dahyf-photo\.onnx: not found/,
    ],
  ];
  for (const [broken, message] of cases) {
    await assert.rejects(createEstimator(broken), (error: Error) => {
      assert.match(error.message, message);
      assert.equal(error.message.split("\n").length, 1);
      return true;
    });
  }
});

test("a network of other inputs is told to be of another version", { skip }, async () => {
  const runtime = await openRuntime();
  const read = new Uint8Array(await files(`${PATHS.palms}.onnx`));
  const wanted = { inputs: ["patch"], outputs: ["joints_px"] };
  await assert.rejects(runtime.open("x.onnx", read, wanted), /x\.onnx: expected a network with the inputs patch .*another version/);
  await assert.rejects(runtime.open("x.onnx", read.subarray(0, 999), wanted), /x\.onnx: expected an onnx network, got a file/);
});

test("WebGPU that is not there gives way to wasm, and says why", async () => {
  const runtime = await openRuntime({ backend: "webgpu" });
  assert.equal(runtime.backend, "wasm");
  assert.match(runtime.note, /WebGPU/);
});

test("pixels that are not as many as the size says are refused", () => {
  const data = new Uint8Array(10);
  assert.throws(() => new Picture({ width: 2, height: 2, channels: 3, data }), /expected 2 x 2 pixels of 3 bytes, got 10/);
  assert.throws(() => new Picture({ width: 0, height: 0, channels: 3, data: new Uint8Array(0) }), /expected 0 x 0/);
});

test("files are asked for once and all at once, and one that fails is told to whoever asks", async () => {
  const asked: string[] = [];
  const ahead = fetchedAhead(async (name) => {
    asked.push(name);
    if (name === PATHS.sides) throw new Error("sides are gone");
    return new ArrayBuffer(3);
  });
  assert.deepEqual(asked, FILE_NAMES);
  assert.equal(new Set(FILE_NAMES).size, 11);
  assert.equal((await ahead(PATHS.rig)).byteLength, 3);
  await assert.rejects(ahead(PATHS.sides), /sides are gone/);
  assert.equal(asked.length, FILE_NAMES.length);
});
