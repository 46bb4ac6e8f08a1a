/** The page's two-hand network beside Python's answers: its outputs, and whole frames; in Node and in a browser. */
import assert from "node:assert/strict";
import type { HandEstimator } from "../src/estimate/estimator";
import { type Files, openNetwork, PAIR_PATH } from "../src/estimate/files";
import { normalised, type Patch, Picture } from "../src/estimate/picture";
import type { Runtime } from "../src/estimate/runtime";
import type { Memory } from "../src/estimate/tracked";
import type { Side } from "../src/hand/frame";
import type { EstimatedHand, Predicted } from "../src/track/estimator";
import { farthest, largestDifference } from "./distances";

/** Where a picture's bytes lie in pairs.bin. */
interface Place {
  offset: number;
  width: number;
  height: number;
}

interface GoldenHand {
  side: Side;
  system: string;
  confidence: number;
  joints_px: number[];
  joints_m: number[];
  pose_rad: number[];
  shape: number[];
  joint_error_m: number[];
}

export interface GoldenPairs {
  network: { pictures: Place[]; crop: number[]; camera: number[]; outputs: Record<string, number[]> };
  frames: {
    name: string;
    picture: Place;
    camera: { fx: number; fy: number; cx: number; cy: number };
    /** Whether the frame before is known. */
    follows: boolean;
    places: { joints_px: number[]; side: Side }[];
    hands: GoldenHand[];
    /** By the one-hand network alone. */
    alone: GoldenHand[];
  }[];
}

const patchOf = (bytes: Uint8Array, { offset, width, height }: Place): Patch => ({
  width,
  height,
  data: bytes.slice(offset, offset + 3 * width * height),
});

/** How far the network's outputs lie from onnxruntime's in Python, over the size of each. */
export async function networkOff(runtime: Runtime, files: Files, golden: GoldenPairs, bytes: Uint8Array): Promise<number> {
  const { pictures, crop, camera, outputs } = golden.network;
  const patches = pictures.map((place) => patchOf(bytes, place));
  const count = patches.length;
  const repeated = (values: number[]) => Float32Array.from(patches.flatMap(() => values));
  const wanted = { inputs: ["patch", "crop", "camera"], outputs: Object.keys(outputs) };
  const { network } = await openNetwork(runtime, files, PAIR_PATH, wanted);
  const told = await network.run({
    patch: { data: normalised(patches), dims: [count, 3, patches[0].height, patches[0].width] },
    crop: { data: repeated(crop), dims: [count, 3] },
    camera: { data: repeated(camera), dims: [count, 4] },
  });
  const off = Object.entries(outputs).map(
    ([name, values]) => largestDifference(told[name], values) / Math.max(1, ...values.map(Math.abs)),
  );
  return Math.max(...off);
}

/** How far whole frames' hands lie from Python's, mm; whose they are, and how they are told of, must be the same. */
export async function framesOff(
  estimator: HandEstimator,
  golden: GoldenPairs,
  bytes: Uint8Array,
): Promise<{ most_mm: number; alone_mm: number; stages: Record<string, number>[] }> {
  let before: { hands: GoldenHand[]; memories: Memory[] } | null = null;
  let most_mm = 0;
  let alone_mm = 0;
  const stages: Record<string, number>[] = [];
  for (const { name, picture, camera, follows, places, hands, alone } of golden.frames) {
    const frame = new Picture({ ...patchOf(bytes, picture), channels: 3 });
    const predicted = places.map(({ joints_px, side }, i): Predicted<Memory> => {
      const known = follows ? before!.hands[i] : null;
      return {
        joints_px: Float64Array.from(joints_px),
        side,
        sideConfidence: 1,
        start: known && { pose_rad: Float64Array.from(known.pose_rad), shape: Float64Array.from(known.shape) },
        memory: follows ? before!.memories[i] : null,
      };
    });
    estimator.takeStages();
    const told = await estimator.estimateTracked(frame, { ...camera, assumed: true }, predicted);
    stages.push(estimator.takeStages());
    told.forEach(({ hand }, i) => {
      most_mm = Math.max(most_mm, 1000 * farthest(hand.joints_m, hands[i].joints_m));
      alone_mm = Math.max(alone_mm, 1000 * farthest(hands[i].joints_m, alone[i].joints_m));
      check(hand, hands[i], `${name}, hand ${i}`);
    });
    before = { hands, memories: told.map(({ memory }) => memory) };
  }
  return { most_mm, alone_mm, stages };
}

function check(hand: EstimatedHand, python: GoldenHand, what: string): void {
  assert.equal(hand.system, python.system, what);
  assert.equal(hand.side, python.side, what);
  assert.ok(largestDifference(hand.joints_px, python.joints_px) < 0.3, `${what}: joints in the picture`);
  assert.ok(largestDifference(hand.pose_rad, python.pose_rad) < 0.02, `${what}: pose`);
  assert.ok(largestDifference(hand.shape, python.shape) < 0.05, `${what}: shape`);
  assert.ok(Math.abs(hand.confidence - python.confidence) < 5e-3, `${what}: confidence`);
  assert.ok(largestDifference(hand.joint_error_m, python.joint_error_m) < 2e-4, `${what}: errors`);
}
