/** The bones of a hand as capsules: which of the 21 joints they join, and how thick the hand is there. */
import type { Vector3 } from "three";
import { WRIST } from "../hand/skeleton";

export interface Bone {
  from: number;
  to: number;
  radius_m: number;
}

/** Thumb, index, middle, ring, pinky: the joints from the base out. */
export const FINGERS: readonly (readonly number[])[] = [
  [1, 2, 3, 4],
  [5, 6, 7, 8],
  [9, 10, 11, 12],
  [13, 14, 15, 16],
  [17, 18, 19, 20],
];
export const TIPS = [4, 8, 12, 16, 20] as const;

const PHALANX_M = [0.0105, 0.0095, 0.0085, 0.007];
const PINKY_SHARE = 0.82;
const PALM_M = 0.012;

/** Solid bones: the 20 of the skeleton, and three across the palm, so that nothing falls through between metacarpals. */
export const SOLID_BONES: readonly Bone[] = [
  ...FINGERS.flatMap((finger, which) =>
    finger.map((joint, place) => ({
      from: place === 0 ? WRIST : finger[place - 1],
      to: joint,
      radius_m: place === 0 ? PALM_M : PHALANX_M[place] * (which === 4 ? PINKY_SHARE : which === 0 ? 1.12 : 1),
    })),
  ),
  { from: 5, to: 9, radius_m: PALM_M },
  { from: 9, to: 13, radius_m: PALM_M },
  { from: 13, to: 17, radius_m: PALM_M },
];

/**
 * The two ends of a bone's axis. Fingertips are points of the skin, so the axis of a last bone ends a radius before
 * its tip.
 */
export function axisOf(bone: Bone, joints_m: readonly Vector3[]): [Vector3, Vector3] {
  const from = joints_m[bone.from].clone();
  const to = joints_m[bone.to].clone();
  if ((TIPS as readonly number[]).includes(bone.to)) {
    const along = to.clone().sub(from);
    const length = along.length();
    if (length > 1e-6) to.addScaledVector(along, -Math.min(bone.radius_m / length, 0.9));
  }
  return [from, to];
}

/** Balls that fill the hand: along each solid bone, a radius apart. */
export function ballsOf(joints_m: readonly Vector3[]): { centre: Vector3; radius_m: number }[] {
  return SOLID_BONES.flatMap((bone) => {
    const [from, to] = axisOf(bone, joints_m);
    const count = Math.max(2, Math.min(8, 1 + Math.ceil(from.distanceTo(to) / bone.radius_m)));
    return Array.from({ length: count }, (_, step) => ({
      centre: from.clone().lerp(to, step / (count - 1)),
      radius_m: bone.radius_m,
    }));
  });
}
