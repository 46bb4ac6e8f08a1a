/** What page and worker tell each other. A question that has a number is answered by one message with that number. */
import type { HandFrame } from "../hand/frame";
import type { TrackerOptions } from "../track/tracker";
import type { Backend } from "./runtime";

/** Pixels as a canvas gives them: RGBA, row by row. */
export interface RawFrame {
  width: number;
  height: number;
  data: Uint8ClampedArray;
}

/** First of all, once: where the files are, and how to run the networks. */
export interface OpenQuestion {
  kind: "open";
  /** The address of the page's folder. */
  base: string;
  /** "webgpu" is tried where it is asked for. */
  backend: Backend;
  /** Of one run of a network; more than one need a page that is cross-origin isolated. */
  threads: number;
  tracking: TrackerOptions;
  /** Whether hands near each other go through the two-hand network too, which is fetched when they first meet. */
  pairs: boolean;
}

/** Whether hands near each other go through the two-hand network too, from the next frame on. */
export interface PairsQuestion {
  kind: "pairs";
  number: number;
  on: boolean;
  /** Answer once the network is there, or will not be: not while a frame is on its way. */
  wait: boolean;
}

/** Another video, or another camera: hands that were followed are forgotten. */
export interface RestartQuestion {
  kind: "restart";
  number: number;
  tracking: TrackerOptions;
}

/** A picture whose hands are wanted; bitmaps are closed by the worker. One at a time. */
export interface FrameQuestion {
  kind: "frame";
  number: number;
  image: ImageBitmap | RawFrame;
  /** Later than the frame before. */
  time_s: number;
}

export type Question = OpenQuestion | PairsQuestion | RestartQuestion | FrameQuestion;

export type Answer =
  /** How much of what is needed has come, 0 to 1. */
  | { kind: "loading"; share: number }
  | { kind: "opened"; backend: Backend; note: string }
  | { kind: "restarted"; number: number }
  | { kind: "pairs set"; number: number }
  /** The two-hand network is there (""), or in one sentence why not. */
  | { kind: "pairs"; note: string }
  | { kind: "hands"; number: number; frame: HandFrame }
  /** number: of the question; null where opening failed. message: one sentence. */
  | { kind: "error"; number: number | null; message: string };
