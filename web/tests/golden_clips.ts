/** Clips that Python recorded: what its networks were asked of each frame, what they answered, and its tracker's hands. */
import assert from "node:assert/strict";
import type { Camera, Side } from "../src/hand/frame";
import { handRoll } from "../src/hand/roll";
import { wrapped } from "../src/hand/rotations";
import type { Detected, Effort, Estimator, Look, Predicted, TrackedHand } from "../src/track/estimator";
import { boxOf } from "../src/track/points";
import { largestDifference } from "./distances";

export interface GoldenTracked {
  side: Side;
  confidence: number;
  state: "observed" | "doubtful";
  box_px: number[];
  joints_px: number[];
  joints_m: number[];
  pose_rad: number[];
  shape: number[];
  joint_error_px: (number | null)[];
  joint_error_m: (number | null)[];
  presence: number;
  right: number;
  looked: boolean;
  asked: boolean;
}

export interface GoldenDetected {
  joints_px: number[];
  box_px: number[];
  score: number;
  presence: number;
  right: number;
  place_right: number;
}

export interface GoldenStart {
  pose_rad: number[];
  shape: number[];
}

export type Call =
  | {
      kind: "estimate";
      boxes_px: number[][];
      sides: Side[];
      side_confidence: number[];
      starts: (GoldenStart | null)[];
      answer: GoldenTracked[];
    }
  | { kind: "look"; rotations_rad: number[]; answer: { joints_px: number[]; presence: number; right: number }[] }
  | { kind: "detect"; effort: Effort; known_px: number[][]; answer: GoldenDetected[] }
  | { kind: "sides"; boxes_px: number[][]; answer: number[] };

export interface GoldenHand {
  identity: number;
  side: Side;
  state: string;
  confidence: number;
  joints_m: number[];
  pose_rad: number[];
  shape: number[];
  joint_error_m: (number | null)[];
  wrist_vertex_m: number[];
}

export interface Clip {
  name: string;
  width: number;
  height: number;
  camera: [number, number, number, number] | null;
  options: { gate?: boolean; smooth?: boolean; hand_length_m?: number };
  frames: { time_s: number; calls: Call[]; hands: GoldenHand[] }[];
}

/** Answers as Python's networks did, and checks that the same is asked in the same order. */
export class Replay implements Estimator<Call[], number> {
  /** How far what was asked lay from what Python asked, px. */
  apart_px = 0;
  private given = 0;

  constructor(private readonly clip: Clip) {}

  size(): { width: number; height: number } {
    return this.clip;
  }

  async detect(picture: Call[], known_px: readonly Float64Array[], effort: Effort): Promise<Detected[]> {
    const call = this.next(picture, "detect");
    assert.equal(effort, call.effort);
    this.near(known_px.map(boxOf), call.known_px);
    return call.answer.map(({ place_right, joints_px, box_px, ...rest }) => ({
      ...rest,
      joints_px: Float64Array.from(joints_px),
      box_px: Float64Array.from(box_px),
      placeRight: place_right,
    }));
  }

  async decideSides(picture: Call[], hands: readonly Detected[]): Promise<number[]> {
    const call = this.next(picture, "sides");
    this.near(
      hands.map((hand) => [...hand.box_px]),
      call.boxes_px,
    );
    return call.answer;
  }

  async look(picture: Call[], places_px: readonly Float64Array[]): Promise<Look[]> {
    const call = this.next(picture, "look");
    assert.equal(places_px.length, call.rotations_rad.length);
    places_px.forEach((joints, n) => assert.ok(Math.abs(wrapped(handRoll(joints) - call.rotations_rad[n])) < 1e-5));
    return call.answer.map(({ joints_px, ...rest }) => ({
      ...rest,
      joints_px: Float64Array.from(joints_px),
      box_px: Float64Array.from(boxOf(joints_px)),
    }));
  }

  async estimateTracked(
    picture: Call[],
    _camera: Camera,
    predicted: readonly Predicted<number>[],
  ): Promise<TrackedHand<number>[]> {
    const call = this.next(picture, "estimate");
    assert.deepEqual(
      predicted.map((each) => each.side),
      call.sides,
    );
    this.near(
      predicted.map((each) => boxOf(each.joints_px)),
      call.boxes_px,
    );
    predicted.forEach((each, n) => {
      assert.ok(Math.abs(each.sideConfidence - call.side_confidence[n]) < 1e-6);
      const start = call.starts[n];
      assert.equal(each.start === null, start === null);
      if (start === null) return;
      assert.ok(largestDifference(each.start!.pose_rad, start.pose_rad) < 1e-8);
      assert.ok(largestDifference(each.start!.shape, start.shape) < 1e-8);
    });
    return call.answer.map(({ presence, right, looked, asked, ...hand }) => ({
      presence,
      right,
      looked,
      asked,
      memory: this.given++,
      hand: {
        side: hand.side,
        confidence: hand.confidence,
        state: hand.state,
        box_px: Float64Array.from(hand.box_px),
        joints_px: Float64Array.from(hand.joints_px),
        joints_m: Float64Array.from(hand.joints_m),
        pose_rad: Float64Array.from(hand.pose_rad),
        shape: Float64Array.from(hand.shape),
        joint_error_px: orNaN(hand.joint_error_px),
        joint_error_m: orNaN(hand.joint_error_m),
      },
    }));
  }

  private next<Kind extends Call["kind"]>(picture: Call[], kind: Kind): Call & { kind: Kind } {
    const call = picture.shift();
    assert.equal(kind, call?.kind, `${this.clip.name}: Python asked for ${call?.kind}`);
    return call as Call & { kind: Kind };
  }

  private near(own: readonly (readonly number[])[], python: readonly number[][]): void {
    assert.equal(own.length, python.length);
    own.forEach((box, n) => {
      this.apart_px = Math.max(this.apart_px, largestDifference(box, python[n]));
    });
    assert.ok(this.apart_px < 1e-3, `${this.clip.name}: ${this.apart_px} px from where Python asked`);
  }
}

export function orNaN(values: (number | null)[]): Float64Array {
  return Float64Array.from(values, (value) => value ?? NaN);
}
