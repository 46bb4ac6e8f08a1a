import assert from "node:assert/strict";
import test from "node:test";
import { parseTrack, type HandSurface } from "../src/input/track_file";
import { GivenPictures } from "../src/input/given";
import { RecordedSource } from "../src/input/recorded";
import { cameraProblem } from "../src/input/webcam";
import { hasSimd } from "../src/estimate/simd";
import { notesOn } from "../src/page/abilities";
import { DEFAULTS, loadSettings, saveSettings, type Shelf } from "../src/page/settings";
import { errorColour } from "../src/scenes/plain";

const SURFACE: HandSurface = {
  pose: () => ({ joints_m: new Float32Array(63).fill(1), vertices_m: Float32Array.from([1, 1, 1, 2, 2, 2]) }),
  faces: () => new Uint32Array(),
};
const HEADER = {
  format: "knuckle hand tracks", version: 1, video: "clip.mp4", rate: 25, width: 640, height: 480,
  camera: { fx: 800, fy: 800, cx: 319.5, cy: 239.5, assumed: true }, rig: "open", settings: {},
};
const joints = Array.from({ length: 21 }, (_, joint) => [0.01 * joint, 0, 0.5]);
const HAND = {
  side: "left", identity: 4, confidence: 0.8, state: "bridged", joints_m: joints,
  pose_rad: Array.from({ length: 16 }, () => [0, 0, 0]), shape: Array(10).fill(0), joint_error_m: [null, ...Array(20).fill(0.01)],
};
const text = (header: object, ...frames: unknown[]): string => [header, ...frames].map((one) => `${JSON.stringify(one)}\n`).join("");

test("a track's hands lie with their wrist where the file has it", () => {
  const track = parseTrack(text(HEADER, { frame: 0, time_s: 1.5, hands: [HAND] }), "a.jsonl", SURFACE);
  assert.equal(track.rate, 25);
  assert.equal(track.place, null);
  const [frame] = track.frames;
  assert.equal(frame.time_s, 1.5);
  const [hand] = frame.hands;
  assert.deepEqual([...hand.vertices_m].map((one) => Math.round(1e4 * one) / 1e4), [0, 0, 0.5, 1, 1, 1.5]);
  assert.deepEqual([hand.side, hand.identity, hand.state], ["left", 4, "held"]);
  assert.ok(Number.isNaN(hand.joint_error_m[0]) && Math.abs(hand.joint_error_m[20] - 0.01) < 1e-7);
});

test("a line that a killed run left half is no error, and gaps are frames without hands", () => {
  const whole = text(HEADER, { frame: 0, time_s: 0, hands: [] }, { frame: 7, time_s: 0.3, hands: [HAND] });
  const track = parseTrack(`${whole}{"frame":8,"time_s":0.3,"ha`, "a.jsonl", SURFACE);
  assert.deepEqual(track.frames.map(({ hands }) => hands.length), [0, 1]);
});

test("what is no track is refused in one sentence that names file and line", () => {
  const frame = { frame: 0, time_s: 0, hands: [HAND] };
  for (const [content, words] of [
    ["", /a\.jsonl, line 1: expected the header/],
    ["no json\n", /line 1: expected the header/],
    [text([1]), /line 1: expected the header/],
    [text({ ...HEADER, version: 9 }, frame), /version 1, got knuckle hand tracks, version 9/],
    [text({ ...HEADER, rig: "MANO_RIGHT.pkl" }, frame), /expected hands of the open rig, got those of MANO/],
    [text({ ...HEADER, width: 0 }, frame), /a size and a camera/],
    [text({ ...HEADER, camera: { fx: "wide" } }, frame), /a size and a camera/],
    [text(HEADER), /expected at least one frame, got none/],
    [text(HEADER, { frame: 0 }), /line 2: expected a frame's hands/],
    [text(HEADER, frame, { ...frame, hands: [{ ...HAND, side: "both" }] }), /line 3: expected the side .* got "both"/],
    [text(HEADER, { ...frame, hands: [{ ...HAND, joints_m: joints.slice(1) }] }), /line 2: expected joints_m \(21 x 3\)/],
    [text(HEADER, { ...frame, hands: [null] }), /line 2: expected the side/],
  ] as const) {
    assert.throws(() => parseTrack(content, "a.jsonl", SURFACE), { name: "SourceError", message: words }, String(words));
  }
});

test("frames come one by one by hand, and after the last one none", async () => {
  const track = parseTrack(text(HEADER, { hands: [] }, { hands: [] }), "a.jsonl", SURFACE);
  const source = new RecordedSource(track, true);
  const times: number[] = [];
  source.onFrame((frame) => times.push(frame.time_s));
  await source.start();
  assert.deepEqual([source.step(), source.step(), source.step()], [true, true, false]);
  // Without times they come at the track's rate.
  assert.deepEqual(times, [0, 1 / 25]);
});

class Memory implements Shelf {
  constructor(public text: string | null = null) {}
  getItem(): string | null {
    return this.text;
  }
  setItem(_: string, text: string): void {
    this.text = text;
  }
}

test("settings come back as they were kept", () => {
  const shelf = new Memory();
  const settings = { ...DEFAULTS, scene: "water" as const, mirror: false, pairs: false, tilt_deg: 60 };
  saveSettings(shelf, settings);
  assert.deepEqual(loadSettings(shelf), settings);
});

test("what is broken, foreign or of another version is forgotten, and nothing is ever thrown", () => {
  const refusing: Shelf = {
    getItem: () => { throw new Error("not allowed"); },
    setItem: () => { throw new Error("full"); },
  };
  saveSettings(refusing, { ...DEFAULTS });
  for (const shelf of [null, refusing, ...["", "{", "null", "[]", '{"version":0,"mirror":false}'].map((kept) => new Memory(kept))]) {
    assert.deepEqual(loadSettings(shelf), DEFAULTS);
  }
  const odd = new Memory('{"version":1,"scene":"lava","mirror":"no","sound":false,"tilt_deg":999,"more":1}');
  assert.deepEqual(loadSettings(odd), { ...DEFAULTS, sound: false });
});

test("each refusal of a camera has its own sentence", () => {
  const told = (name: string): [string, string] => {
    const { reason, message } = cameraProblem(Object.assign(new Error("x"), { name }));
    return [reason, message];
  };
  assert.equal(told("NotAllowedError")[0], "denied");
  assert.match(told("NotAllowedError")[1], /allow it for this page/);
  assert.deepEqual(told("NotFoundError")[0], "absent");
  assert.match(told("NotReadableError")[1], /another tab or program/);
  assert.match(told("SomethingElse")[1], /cannot be started \(SomethingElse\)/);
});

test("what the browser lacks is said plainly, and nothing where all is there", () => {
  const all = { webgpu: true, simd: true, threads: true, cameras: true };
  assert.deepEqual(notesOn(all), []);
  assert.match(notesOn({ ...all, webgpu: false })[0], /no WebGPU.*processor/);
  assert.match(notesOn({ ...all, simd: false })[0], /no WebAssembly SIMD/);
  assert.match(notesOn({ ...all, cameras: false })[0], /https or localhost/);
  // Node has SIMD: the module that asks for it is a valid one.
  assert.equal(hasSimd(), true);
});

test("joints that are less sure are redder", () => {
  const red = (error_m: number): number => (errorColour(error_m) >> 16) - ((errorColour(error_m) >> 8) & 255);
  assert.ok(red(0.004) < red(0.01) && red(0.01) < red(0.015) && red(0.015) < red(0.03));
  assert.equal(errorColour(NaN), 0x9aa4b2);
});

test("pictures are given one by one, each when the one before was seen, and not after the end", async () => {
  const given = new GivenPictures("Given");
  const bitmap = { width: 1, height: 1 } as ImageBitmap;
  let seen = 0;
  const first = given.give(bitmap, 1).then(() => seen++);
  assert.equal((await given.next())?.time_s, 1);
  assert.equal(seen, 0);
  const waiting = given.next();
  await first;
  const second = given.give(bitmap, 2);
  assert.equal((await waiting)?.time_s, 2);
  given.stop();
  await assert.rejects(second, /^SourceError: Given: pictures are not shown any more\.$/);
  await assert.rejects(given.give(bitmap, 3), /not shown any more/);
  assert.equal(await given.next(), null);
});
