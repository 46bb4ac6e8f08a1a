/** What every part of the page agrees on: the hands of one frame. */

export type Side = "left" | "right";
export type State = "observed" | "doubtful" | "held";

/** fx, fy, cx, cy in pixels of the frame; pixel centres lie on whole numbers. */
export interface Camera {
  fx: number;
  fy: number;
  cx: number;
  cy: number;
  /** Whether the focal length was guessed. */
  assumed: boolean;
}

/** One hand, in the camera's frame: x right, y down, z forward, metres. Left hands are left hands: nothing is mirrored. */
export interface Hand {
  /** Lasts as long as the hand is followed. */
  identity: number;
  side: Side;
  /** That the pose can be trusted, 0 to 1. */
  confidence: number;
  state: State;
  /** 21 x 3, in the order of `skeleton.ts`. */
  joints_m: Float32Array;
  /** 21 radii in metres, within which a joint lies with 68 %; NaN where not known. */
  joint_error_m: Float32Array;
  /** 16 x 3 rotation vectors of the rig's joints (the wrist's is global), as Python's `pose_rad`. */
  pose_rad: Float32Array;
  /** 10, as Python's `shape`. */
  shape: Float32Array;
  /** The rig's surface, V x 3; its triangles are `rig.faces(side)`. */
  vertices_m: Float32Array;
}

/** The hands of one frame, by identity. */
export interface HandFrame {
  /** Of the frame in its video or since the camera started, seconds. */
  time_s: number;
  width: number;
  height: number;
  camera: Camera;
  hands: Hand[];
  /** Milliseconds by stage: "detect", "landmarks", "estimate", "fit", "track", "total"; empty for recorded tracks. */
  stages_ms: Record<string, number>;
}
