/**
 * The rig fitted to a hand's joints, so that all that is known of the hand agrees (Python: `knuckle.inference.refine`).
 *
 * Everything here is of a right hand: left ones are shown mirrored.
 */
import { fitJoints, rayWeights } from "../hand/fit";
import type { FitStart } from "../hand/fit_start";
import type { Rig } from "../hand/rig";
import { matrixToAxisAngle } from "../hand/rotations";
import { JOINT_COUNT } from "../hand/skeleton";
import { middlePx } from "./affine";
import { longerSide } from "./boxes";
import { type Evidence, isFound } from "./evidence";
import {
  centred,
  clip,
  distances,
  isFinite,
  type Lens,
  lift,
  mean,
  middle,
  norm,
  project,
  spread,
  turnedPx,
} from "./joints";
import { apart, signalsOf, type Trust, type View } from "./trust";

/** Weight of the 2D branch against the projected hand. */
const BRANCH_SHARE = 0.7;
/** By how much the projected hand's size in the picture may differ from the 2D branch's. */
const LARGEST_SIZE_RATIO = 1.15;
/** What a joint counts in the fit across and along its ray. */
export const ACROSS = 0.1;
export const ALONG = 0.01;
const SMALLEST_SPREAD_PX = 1e-3;
const STEPS = 4;
const LARGEST_HAND_M = 1;
const NEAREST_M = 1e-2;

/** A crop as a network takes it: its middle and side in px of the picture, and how far it is turned. */
export interface Framed {
  u: number;
  v: number;
  side_px: number;
  turn_rad: number;
  lens: Lens;
}

/** A one-hand network's answer to a hand, shown as a right one. */
export interface Answer {
  framed: Framed;
  /** 21 x 2 px of the picture and 21 x 3 metres. */
  joints_px: Float64Array;
  joints_m: Float64Array;
  /** 21 x 2 px of the patch; null where the answer was carried along from an earlier frame. */
  joints_patch: Float64Array | null;
  /** How far its branches lie apart, px; of an answer that was carried along. */
  branches_px: Float64Array | null;
  confidence: number;
  /** 16 x 3 x 3 and 10; null where carried along. */
  rotations: Float64Array | null;
  shape: Float64Array | null;
}

/** A hand after the fit, and how far the answers to it lie apart; NaN where there is nothing to compare. */
export interface Fused {
  joints_px: Float64Array;
  joints_m: Float64Array;
  /** 16 x 3 rotation vectors. */
  pose_rad: Float64Array;
  shape: Float64Array;
  confidence: number;
  branches_px: Float64Array;
  evidence_px: Float64Array;
  evidence_m: Float64Array;
  residual_m: number;
}

/** evidence: of the same hand, shown as a right one; null where it does not count. start: of the fit. */
export function fuse(
  answer: Answer,
  size: number,
  rig: Rig,
  trust: Trust,
  evidence: Evidence | null,
  start: FitStart | null,
): Fused {
  const unknown = () => new Float64Array(JOINT_COUNT).fill(NaN);
  const { lens } = answer.framed;
  const { joints_m: target, branches_px } = ownJoints(answer, size);
  const fused: Fused = {
    joints_px: answer.joints_px,
    joints_m: answer.joints_m,
    pose_rad: poseOf(answer.rotations),
    shape: answer.shape ?? new Float64Array(10),
    confidence: clip(answer.confidence, 0, 1),
    branches_px,
    evidence_px: unknown(),
    evidence_m: unknown(),
    residual_m: NaN,
  };
  if (!isUsable(target) || !(nearest(answer.joints_m) > 0)) return fused;
  let joints = target;
  if (evidence !== null) {
    const spread_px = mean(branches_px.map((value) => (Number.isNaN(value) ? 0 : value)));
    const joined = withEvidence(joints, lens, evidence, spread_px, trust);
    joints = joined.joints_m;
    fused.evidence_px = joined.apart_px;
    fused.evidence_m = joined.apart_m;
  }
  const fit = fitJoints(rig, joints, { side: "right", weights: rayWeights(joints, ACROSS, ALONG), start });
  return {
    ...fused,
    residual_m: fit.residual_m,
    joints_m: fit.joints_m,
    joints_px: project(fit.joints_m, lens),
    pose_rad: fit.pose_rad,
    shape: fit.shape,
  };
}

/** Rotation vectors of 16 matrices; the rest pose without any. */
function poseOf(rotations: Float64Array | null): Float64Array {
  const pose = new Float64Array(48);
  if (rotations !== null) {
    for (let joint = 0; joint < 16; joint++) matrixToAxisAngle(rotations, 9 * joint, pose, 3 * joint);
  }
  return pose;
}

const nearest = (joints_m: Float64Array): number =>
  Math.min(...Array.from({ length: JOINT_COUNT }, (_, i) => joints_m[3 * i + 2]));

/** Whether a hand lies before the camera and is no larger than a hand can be. */
export function isUsable(joints_m: Float64Array): boolean {
  if (!isFinite(joints_m) || !(nearest(joints_m) > 0)) return false;
  return [0, 1, 2].every((axis) => {
    const values = Array.from({ length: JOINT_COUNT }, (_, i) => joints_m[3 * i + axis]);
    return Math.max(...values) - Math.min(...values) < LARGEST_HAND_M;
  });
}

/** A network's joints, those of its 2D branch lifted to the hand's depths; and how far that lies from the projected hand. */
function ownJoints(answer: Answer, size: number): { joints_m: Float64Array; branches_px: Float64Array } {
  const { lens } = answer.framed;
  if (answer.joints_patch === null) {
    return {
      joints_m: answer.joints_m,
      branches_px: answer.branches_px ?? new Float64Array(JOINT_COUNT).fill(NaN),
    };
  }
  const branch = inFrame(answer.joints_patch, answer.framed, size);
  const placed = asLargeAs(branch, answer.joints_m, lens);
  const seen = project(placed, lens, NEAREST_M);
  const px = branch.map((value, i) => BRANCH_SHARE * value + (1 - BRANCH_SHARE) * seen[i]);
  return {
    joints_m: lift(px, (joint) => placed[3 * joint + 2], lens),
    branches_px: distances(branch, project(answer.joints_m, lens, NEAREST_M), 2),
  };
}

/** What `fuse` fits the rig to, without evidence: px and metres; and how far the 2D branch lies from the projected hand. */
export function unfittedJoints(answer: Answer, size: number): View & { branches_px: Float64Array } {
  const { joints_m, branches_px } = ownJoints(answer, size);
  if (!isUsable(joints_m) || !(nearest(answer.joints_m) > 0)) {
    return { px: answer.joints_px, m: answer.joints_m, branches_px };
  }
  return { px: project(joints_m, answer.framed.lens), m: joints_m, branches_px };
}

/**
 * Joints of a right hand as a system and the landmark network see them together, for the fit, and how far both answers
 * lie apart: px, and metres from the wrists on. A hand that the landmark network does not see stays as it is.
 *
 * stays: the wrist keeps its depth, as of hands whose places were seen together; else the hand comes to where it has the
 * size that it has in the picture.
 */
export function withEvidence(
  joints_m: Float64Array,
  lens: Lens,
  evidence: Evidence,
  spread_px: number,
  trust: Trust,
  stays = false,
): { joints_m: Float64Array; apart_px: Float64Array; apart_m: Float64Array } {
  const ours: View = { px: project(joints_m, lens), m: joints_m };
  const seen = trust.ourJoints(evidence, lens);
  const [apart_px, apart_m] = [distances(seen.px, ours.px, 2), apartInSpace(ours.m, seen.m)];
  if (!isFound(evidence)) return { joints_m, apart_px, apart_m };
  const told = signalsOf(seen, ours, evidence, spread_px / longerSide(evidence.box_px));
  const away = apart(seen, ours, evidence);
  const share = trust.picture.share(told, away);
  const px = ours.px.map((value, i) => value + share[i >> 1] * (seen.px[i] - value));
  const hand = stays ? ours.m : asLargeAs(px, ours.m, lens);
  const depths = jointDepths(hand, seen.m, trust.depth.share(told, away));
  const moved = stays ? ours.m[2] - depths[0] : 0;
  return { joints_m: lift(px, (joint) => depths[joint] + moved, lens), apart_px, apart_m };
}

/** How far the landmark network's joints lie from ours, wrists laid together and as large as ours, metres. */
function apartInSpace(ours_m: Float64Array, seen_m: Float64Array): Float64Array {
  const fromWrist = (joints: Float64Array) => joints.map((value, i) => value - joints[i % 3]);
  const [own, other] = [fromWrist(ours_m), fromWrist(seen_m)];
  const size = Math.sqrt(norm(own) ** 2 / Math.max(norm(other) ** 2, 1e-12));
  return distances(own, other.map((value) => size * value), 3);
}

/** Depths of a hand, those of another one, brought to its size and place, with a share in each. */
function jointDepths(hand_m: Float64Array, other_m: Float64Array, share: Float64Array): Float64Array {
  const [own, other] = [centred(hand_m, 3), centred(other_m, 3)];
  const size = Math.sqrt(norm(own) ** 2 / Math.max(norm(other) ** 2, 1e-12));
  return share.map((value, i) => hand_m[3 * i + 2] + value * (size * other[3 * i + 2] - own[3 * i + 2]));
}

/** Joints in px of the patch as px of the picture. */
function inFrame(joints_patch: Float64Array, framed: Framed, size: number): Float64Array {
  const scale = framed.side_px / size;
  const offsets = joints_patch.map((value) => (value - middlePx(size)) * scale);
  const turned = turnedPx(offsets, framed.turn_rad, framed.lens.fy / framed.lens.fx);
  return turned.map((value, i) => value + (i % 2 === 0 ? framed.u : framed.v));
}

/** The 3D hand, brought to where its size in the picture is the 2D branch's to within `LARGEST_SIZE_RATIO`. */
function asLargeAs(branch_px: Float64Array, hand_m: Float64Array, lens: Lens): Float64Array {
  const ratio = sizeRatio(branch_px, hand_m, lens);
  const limit = clip(ratio, 1 / LARGEST_SIZE_RATIO, LARGEST_SIZE_RATIO);
  let placed = hand_m;
  // The size goes with the inverse of the distance only where the hand is flat to the camera.
  for (let step = 0; step < (limit !== ratio ? STEPS : 0); step++) {
    const nearer = limit / sizeRatio(branch_px, placed, lens) - 1;
    const mid = middle(placed, 3);
    placed = placed.map((value, i) => value + mid[i % 3] * nearer);
  }
  return placed;
}

function sizeRatio(branch_px: Float64Array, hand_m: Float64Array, lens: Lens): number {
  const size = (px: Float64Array) => Math.max(spread(px, 2) / Math.sqrt(JOINT_COUNT), SMALLEST_SPREAD_PX);
  return size(branch_px) / size(project(hand_m, lens, NEAREST_M));
}
