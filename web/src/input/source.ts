/** Where frames come from: a camera, a file, a recorded track. */
import type { HandFrame } from "../hand/frame";

/** Where a recorded track's table stands in the camera's frame: its middle in metres, and how far the camera looks down. */
export interface StagePlace {
  anchor_m: [number, number, number];
  tilt_deg: number;
}

/** Called with a frame's hands and, where there is one, the picture they were estimated from. */
export type FrameListener = (frame: HandFrame, image: CanvasImageSource | null) => void;

export interface Source {
  /** For people: "Camera", a file's name. */
  readonly title: string;
  /** Where its things stand; null: wherever the page has them. */
  readonly place: StagePlace | null;
  /** Whether people see themselves in it, and want it as in a mirror. */
  readonly selfie?: boolean;
  /** Resolves with the first frame on its way. Throws a `SourceError` with one sentence for people. */
  start(): Promise<void>;
  /** Frees the camera, the worker's attention and the timers. May be called twice. */
  stop(): void;
  onFrame(listener: FrameListener): void;
  /** One frame more, for sources that a test moves by hand; false after the last one. */
  step?(): boolean;
  /** The pictures' horizontal angle of view, degrees; 0: assumed. */
  setView?(view_deg: number): void;
  /**
   * Whether hands near each other are seen together, by a network of their own. wait: resolve once that is there, or will
   * not be; not while a picture is on its way.
   */
  setPairs?(on: boolean, wait?: boolean): Promise<void>;
  /** Freeze, or go on. */
  pause?(paused: boolean): void;
}

/** What keeps a source from starting, as one plain sentence. */
export class SourceError extends Error {
  constructor(
    readonly reason: "denied" | "absent" | "busy" | "lost" | "insecure" | "broken" | "unsupported",
    message: string,
  ) {
    super(message);
    this.name = "SourceError";
  }
}
