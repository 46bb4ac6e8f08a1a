/**
 * What the tracker asks of a frame: the only door between tracking (`src/track/`) and the networks (`src/estimate/`).
 *
 * Lists have one entry a hand and keep the order of what was asked. Points are in px of the picture as networks are
 * shown it (square pixels, not mirrored), metres in the camera's frame. Arrays are row by row, so 21 x 2 joints are 42
 * numbers, u before v.
 */
import type { Camera, Side } from "../hand/frame";
import type { FitStart } from "../hand/fit_start";

/** From this presence on the landmark network sees a hand; below, its joints mean nothing. */
export const LEAST_PRESENCE = 0.5;
/** A hand of less confidence is doubtful: there is rather none. */
export const DOUBTFUL = 0.5;

/** How much time finding may take: one look at the whole picture, or finer ones where there may be more hands. */
export type Effort = "fast" | "normal";

/** A hand that the detector found (Python: `Detection` with its evidence). */
export interface Detected {
  /** 21 x 2, of the landmark network's last look. */
  joints_px: Float64Array;
  /** x, y, w, h. */
  box_px: Float64Array;
  /** The judge's probability that it is a hand, 0 to 1. */
  score: number;
  /** The landmark network's probabilities, 0 to 1: that there is a hand, and that it is a right one. */
  presence: number;
  right: number;
  /** 0 to 1, that the proposal network took it for a right hand; 0.5 where it does not say. */
  placeRight: number;
}

/** The landmark network's last look at a place where a hand is expected. */
export interface Look {
  /** 21 x 2. */
  joints_px: Float64Array;
  /** x, y, w, h of the joints' extent. */
  box_px: Float64Array;
  /** 0 to 1. */
  presence: number;
  /** 0 to 1. */
  right: number;
}

/**
 * Where a hand is expected, before its frame is seen. `box_px` and the landmark network's square follow from the joints
 * (Python: `Predicted.of_joints`).
 */
export interface Predicted<Memory> {
  /** 21 x 2. */
  joints_px: Float64Array;
  side: Side;
  /** That the side is right, 0 to 1: passed on into the hand's confidence. */
  sideConfidence: number;
  /** Pose and shape a moment ago, of a hand of its own side; null where none are known. */
  start: FitStart | null;
  /** As the frame before returned it; null where nothing is remembered. */
  memory: Memory | null;
}

/** A hand of a frame as a photo's: calibrated confidence, errors of its joints, a state. Nothing is mirrored. */
export interface EstimatedHand {
  side: Side;
  /** 0 to 1. */
  confidence: number;
  /** "doubtful" below `DOUBTFUL`. */
  state: "observed" | "doubtful";
  /** x, y, w, h: of the joints where the landmark network sees a hand, else as expected. */
  box_px: Float64Array;
  /** 21 x 2. */
  joints_px: Float64Array;
  /** 21 x 3, of the fitted rig. */
  joints_m: Float64Array;
  /** 16 x 3, of the rig of its side; the wrist's is camera-from-hand. */
  pose_rad: Float64Array;
  /** 10. */
  shape: Float64Array;
  /** 21 radii; NaN where not known. */
  joint_error_px: Float64Array;
  joint_error_m: Float64Array;
  /** What estimated it: a network's name, or two joined by "+". */
  system?: string;
}

/** What a frame shows of a hand that was expected (Python: one row of `TrackedHands`). */
export interface TrackedHand<Memory> {
  hand: EstimatedHand;
  /** What the landmark network says of it, or said last: that there is a hand, and that it is a right one, 0 to 1. */
  presence: number;
  right: number;
  /** Whether the landmark network looked at it in this frame, and whether the estimator saw it. */
  looked: boolean;
  asked: boolean;
  /** For the next frame. */
  memory: Memory;
}

/** Which network is to see a hand; a hand that is lost, or of which nothing is remembered, is seen by both anyway. */
export interface Asked {
  /** One a hand; all without it. */
  look?: readonly boolean[];
  ask?: readonly boolean[];
}

/**
 * The networks as tracking needs them. `Picture` and `Memory` are the estimator's own: the tracker passes them through.
 * Answers to an empty list are empty, and no network runs for them.
 */
export interface Estimator<Picture, Memory = unknown> {
  /** Width and height of a picture, px. */
  size(picture: Picture): { width: number; height: number };

  /**
   * Hands of the whole picture, most probable first, but those at `known_px` (21 x 2 each), which are not looked for
   * (Python: `default_detector(effort)(image, known=...)`).
   */
  detect(picture: Picture, known_px: readonly Float64Array[], effort: Effort): Promise<Detected[]>;

  /**
   * Logit of a right hand for each of the hands, which were found in this picture (Python: `decide_sides`, as signed
   * logit of its confidence: positive for a right hand). Near pairs are considered among the hands given.
   */
  decideSides(picture: Picture, hands: readonly Detected[]): Promise<number[]>;

  /**
   * The landmark network's looks at the squares round expected joints (21 x 2 each), a second look where the first one
   * was wrong or is not sure, of its side neither (Python: `look_at_squares(network, image, squares)`).
   */
  look(picture: Picture, places_px: readonly Float64Array[]): Promise<Look[]>;

  /** The hands that are expected in a frame (Python: `estimate_tracked`). */
  estimateTracked(
    picture: Picture,
    camera: Camera,
    predicted: readonly Predicted<Memory>[],
    asked?: Asked,
  ): Promise<TrackedHand<Memory>[]>;

  /** Milliseconds by stage ("detect", "landmarks", "estimate", "pairs", "fit") since this was asked last. */
  takeStages?(): Record<string, number>;
}
