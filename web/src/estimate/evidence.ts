/** The landmark network's answer to a hand: evidence for the fit of the rig, in its own joints. */
import { handRoll } from "../hand/roll";
import { LEAST_PRESENCE } from "../track/estimator";
import { mirroredBox, mirroredM, mirroredPx, turnedAboutZ } from "./joints";
import type { Landmarks } from "./landmarks";
import type { Square } from "./affine";

/** Of one hand; where the network was not asked its joints are NaN and its presence is 0. */
export interface Evidence {
  /** x, y, w, h of where it looked for the hand: that of the joints it found, or as expected. */
  box_px: Float64Array;
  /** 21 x 2. */
  joints_px: Float64Array;
  /** 21 x 3 round the hand's middle, of a general hand's size; z along the line of sight to the hand. */
  joints_m: Float64Array;
  /** That there is a hand, 0 to 1. */
  presence: number;
  /** That it is a right one, 0 to 1. */
  right: number;
  /** How far the hand is turned from fingers-up, clockwise in the picture. */
  turn_rad: number;
}

export const isFound = (evidence: Evidence): boolean => evidence.presence >= LEAST_PRESENCE;

/** From one look at a square: 3D joints are turned back with it. */
export function evidenceOf(
  box_px: Float64Array,
  joints_px: Float64Array,
  landmarks: Landmarks,
  square: Square,
): Evidence {
  return {
    box_px,
    joints_px,
    joints_m: turnedAboutZ(landmarks.world_m, square.turn_rad),
    presence: landmarks.presence,
    right: landmarks.right,
    turn_rad: handRoll(joints_px),
  };
}

/** In the mirrored picture of that width. */
export function mirroredEvidence(evidence: Evidence, width: number): Evidence {
  return {
    box_px: mirroredBox(evidence.box_px, width),
    joints_px: mirroredPx(evidence.joints_px, width),
    joints_m: mirroredM(evidence.joints_m),
    presence: evidence.presence,
    right: 1 - evidence.right,
    turn_rad: -evidence.turn_rad,
  };
}
