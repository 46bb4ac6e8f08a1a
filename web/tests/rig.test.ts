import assert from "node:assert/strict";
import { test } from "node:test";
import type { Side } from "../src/hand/frame";
import { poseToAngles } from "../src/hand/limits";
import { loadRig, Rig } from "../src/hand/rig";
import { farthest, largestDifference, missing, readGolden, readRig, rigBytes } from "./golden_files";

interface Golden {
  hands: {
    side: Side;
    pose_rad: number[];
    shape: number[];
    translation_m: number[];
    joints_m: number[];
    angles_rad: number[];
    vertices_m: number[] | null;
  }[];
  faces: Record<Side, number[]>;
}

const skip = missing("golden/rig.json");
const rig = skip ? null! : readRig();
const golden = skip ? null! : readGolden<Golden>("rig.json");

test("poses both hands as Python does", { skip }, () => {
  let joints = 0;
  let surface = 0;
  for (const hand of golden.hands) {
    const posed = rig.pose(hand.side, hand.pose_rad, hand.shape, hand.translation_m);
    joints = Math.max(joints, farthest(posed.joints_m, hand.joints_m));
    if (hand.vertices_m) surface = Math.max(surface, farthest(posed.vertices_m, hand.vertices_m));
  }
  console.log(`${golden.hands.length} hands: joints within ${(1e6 * joints).toFixed(2)} um, surface ${(1e6 * surface).toFixed(2)} um`);
  assert.ok(joints < 1e-6, `joints ${joints} m`);
  assert.ok(surface < 1e-6, `surface ${surface} m`);
});

test("gives the same joints without the surface", { skip }, () => {
  for (const hand of golden.hands) {
    const own = rig.of(hand.side);
    const joints = new Float64Array(63);
    own.placeJoints(own.matricesOf(hand.pose_rad), hand.shape, hand.translation_m, joints);
    assert.ok(farthest(joints, hand.joints_m) < 1e-6);
  }
});

test("pose correctives move the surface where Python moves it", { skip }, () => {
  // Without them a bent hand lies millimetres off, so that the test above holds them too.
  const bent = golden.hands.find((hand) => hand.vertices_m && hand.pose_rad.slice(3).some((angle) => Math.abs(angle) > 1))!;
  const plain = readRig().right.data;
  plain.correctiveMap.fill(0);
  const without = new Rig(plain).pose(bent.side, bent.pose_rad, bent.shape, bent.translation_m);
  const away = farthest(without.vertices_m, bent.vertices_m!);
  assert.ok(away > 2e-4, `correctives move the surface by ${away} m`);
});

test("reads anatomical angles as Python does", { skip }, () => {
  const angles = new Float64Array(48);
  let most = 0;
  for (const hand of golden.hands) {
    poseToAngles(rig.of(hand.side), hand.pose_rad, angles);
    most = Math.max(most, largestDifference(angles.subarray(3), hand.angles_rad.slice(3)));
  }
  assert.ok(most < 1e-6, `${most} rad`);
});

test("winds faces outwards for either side", { skip }, () => {
  for (const side of ["left", "right"] as const) {
    assert.deepEqual([...rig.faces(side)], golden.faces[side]);
    const { vertices_m: v } = rig.pose(side, new Float64Array(48), new Float64Array(10));
    // The volume that triangles wound outwards enclose is positive.
    let volume = 0;
    const faces = rig.faces(side);
    for (let n = 0; n < faces.length; n += 3) {
      const [a, b, c] = [3 * faces[n], 3 * faces[n + 1], 3 * faces[n + 2]];
      volume +=
        (v[a] * (v[b + 1] * v[c + 2] - v[b + 2] * v[c + 1]) -
          v[a + 1] * (v[b] * v[c + 2] - v[b + 2] * v[c]) +
          v[a + 2] * (v[b] * v[c + 1] - v[b + 1] * v[c])) /
        6;
    }
    assert.ok(volume > 1e-4 && volume < 1e-3, `${side}: ${volume} m3`);
  }
});

test("a mirrored pose of the left hand is the right hand mirrored", { skip }, () => {
  const hand = golden.hands.find((each) => each.side === "right")!;
  const mirrored = hand.pose_rad.map((value, n) => (n % 3 === 0 ? value : -value));
  const right = rig.pose("right", hand.pose_rad, hand.shape);
  const left = rig.pose("left", mirrored, hand.shape);
  const back = left.vertices_m.map((value, n) => (n % 3 === 0 ? -value : value));
  assert.ok(farthest(back, right.vertices_m) < 1e-6);
});

test("says what a pose must be", { skip }, () => {
  assert.throws(() => rig.pose("left", [0, 0, 0], new Float64Array(10)), /^Error: pose_rad: expected 48 numbers, got 3$/);
  assert.throws(() => rig.pose("left", new Float64Array(48), [1]), /^Error: shape: expected 10 numbers, got 1$/);
  assert.throws(
    () => rig.pose("left", new Float64Array(48), new Float64Array(10), [1, 2]),
    /^Error: translation_m: expected 3 numbers, got 2$/,
  );
});

test("refuses a file of another version, in one sentence", { skip }, () => {
  const said = /^Error: rig\.bin: expected the figures that tracking needs, got a file of another version than this page$/;
  for (const [was, is] of [['"tracking"', '"trackinG"'], ['"pair"', '"paiR"'], ['"alike_s"', '"alikE_s"'], ['"farther":[', '"farther":[1,']]) {
    assert.throws(() => loadRig(withHeader((text) => text.replace(was, is))), said);
  }
  assert.throws(() => loadRig(withHeader(() => "{}")), said);
  assert.throws(() => loadRig(withHeader((text) => text.replace('"axes"', '"axfs"'))), /^Error: rig\.bin: expected an array axes of shape 16,3,3, got none$/);
});

/** The rig's file with another header. */
function withHeader(change: (text: string) => string): ArrayBuffer {
  const bytes = new Uint8Array(rigBytes());
  const length = new DataView(bytes.buffer).getUint32(8, true);
  const header = new TextEncoder().encode(change(new TextDecoder().decode(bytes.subarray(12, 12 + length))));
  const whole = new Uint8Array(12 + header.length + bytes.length - 12 - length);
  whole.set(bytes.subarray(0, 8));
  new DataView(whole.buffer).setUint32(8, header.length, true);
  whole.set(header, 12);
  whole.set(bytes.subarray(12 + length), 12 + header.length);
  return whole.buffer;
}

test("refuses files that are no rig, or cut short", { skip }, () => {
  const whole = rigBytes();
  assert.throws(() => loadRig(new ArrayBuffer(0)), /rig\.bin: expected a rig's file that begins with KNUCKLE1, got 0 other bytes/);
  assert.throws(() => loadRig(new TextEncoder().encode("<!doctype html><html></html>").buffer as ArrayBuffer), /begins with KNUCKLE1/);
  assert.throws(() => loadRig(whole.slice(0, 10)), /rig\.bin: expected/);
  assert.throws(() => loadRig(whole.slice(0, 500)), /rig\.bin: expected a header of JSON/);
  assert.throws(() => loadRig(whole.slice(0, whole.byteLength - 2000)), /cut short/);
});
