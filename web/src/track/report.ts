/** What a tracker reports of a frame's hands (Python: `knuckle.live.report`). */
import type { Hand } from "../hand/frame";
import type { Rig } from "../hand/rig";
import { JOINT_COUNT } from "../hand/skeleton";
import type { EstimatedHand } from "./estimator";
import type { Gated } from "./gate";
import { type HandPose, translationOf } from "./hand_pose";
import type { Track } from "./track";

/** How fast it becomes doubtful that a hand is still there which is not seen: by a factor of e in this time. */
const HELD_FADES_S = 0.5;

/** A hand that the frame shows, as what passed the gate has it. */
export function reportSeen(rig: Rig, identity: number, hand: EstimatedHand, gated: Gated): Hand {
  const pose = gated.pose ?? { root_m: hand.joints_m.slice(0, 3), pose_rad: hand.pose_rad, shape: hand.shape };
  return {
    identity,
    side: hand.side,
    confidence: hand.confidence,
    state: gated.state ?? hand.state,
    joint_error_m: Float32Array.from(hand.joint_error_m),
    ...posed(rig, hand.side, pose),
  };
}

/** A hand that the frame does not show, for so long. */
export function reportHeld(rig: Rig, track: Track<unknown>, pose: HandPose, missing_s: number): Hand {
  return {
    identity: track.identity,
    side: track.side,
    confidence: track.confidence * Math.exp(-missing_s / HELD_FADES_S),
    state: "held",
    joint_error_m: new Float32Array(JOINT_COUNT).fill(NaN),
    ...posed(rig, track.side, pose),
  };
}

/** Joints and surface of a pose, in the camera's frame. */
function posed(
  rig: Rig,
  side: Hand["side"],
  pose: HandPose,
): Pick<Hand, "joints_m" | "vertices_m" | "pose_rad" | "shape"> {
  return {
    ...rig.pose(side, pose.pose_rad, pose.shape, translationOf(rig.of(side), pose)),
    pose_rad: Float32Array.from(pose.pose_rad),
    shape: Float32Array.from(pose.shape),
  };
}
