/** The rig fitted to a hand of a pair, whose joints two networks gave (Python: `fit_pairs` of `knuckle.inference.refine`). */
import { fitJoints, rayWeights } from "../hand/fit";
import type { FitStart } from "../hand/fit_start";
import type { Side } from "../hand/frame";
import type { Rig } from "../hand/rig";
import { JOINT_COUNT } from "../hand/skeleton";
import { type Evidence, mirroredEvidence } from "./evidence";
import { type Lens, mirroredM, mirroredPose, project } from "./joints";
import type { OwnJoints } from "./one_hand";
import { ACROSS, ALONG, type Fused, isUsable, withEvidence } from "./refine";
import type { Trust } from "./trust";

/** The name by which evidence is weighed beside two networks. */
export const TWO_HANDS = "two hands";

/**
 * The hand that the rig is fitted to, in the picture as it is. Its wrist keeps its depth: that is where the two-hand
 * network saw it beside the other hand's.
 *
 * trust: that in `TWO_HANDS`. evidence: of the landmark network; null where it does not count. start: what the hand was
 * like in the frame before. A hand whose joints lie metres apart keeps them, in the rest pose; its residual is NaN.
 */
export function fitHandOfPair(
  rig: Rig,
  trust: Trust,
  joints: OwnJoints,
  side: Side,
  lens: Lens,
  evidence: Evidence | null,
  start: FitStart | null,
): Fused {
  const left = side === "left";
  const unknown = () => new Float64Array(JOINT_COUNT).fill(NaN);
  const fused: Fused = {
    joints_px: joints.px,
    joints_m: joints.m,
    pose_rad: new Float64Array(48),
    shape: new Float64Array(10),
    confidence: joints.confidence,
    branches_px: joints.branches_px,
    evidence_px: unknown(),
    evidence_m: unknown(),
    residual_m: NaN,
  };
  // A left hand's world is mirrored about the camera's axis: the principal point stays.
  let target = left ? mirroredM(joints.m) : joints.m;
  if (!isUsable(target)) return fused;
  if (evidence !== null) {
    const shown = left ? mirroredEvidence(evidence, 2 * lens.cx + 1) : evidence;
    const joined = withEvidence(target, lens, shown, 0, trust, true);
    target = joined.joints_m;
    fused.evidence_px = joined.apart_px;
    fused.evidence_m = joined.apart_m;
  }
  const began = start && left ? { pose_rad: mirroredPose(start.pose_rad), shape: start.shape } : start;
  const fit = fitJoints(rig, target, { weights: rayWeights(target, ACROSS, ALONG), start: began });
  fused.joints_m = left ? mirroredM(fit.joints_m) : fit.joints_m;
  fused.pose_rad = left ? mirroredPose(fit.pose_rad) : fit.pose_rad;
  fused.joints_px = project(fused.joints_m, lens);
  fused.shape = fit.shape;
  fused.residual_m = fit.residual_m;
  return fused;
}
