/** The 21 joints of a hand in the common order, and the rig's 16 rotations in theirs. */

/** Wrist, then each finger from its root to its tip: thumb, index, middle, ring, pinky. */
export const JOINT_COUNT = 21;
export const WRIST = 0;
export const MIDDLE_MCP = 9;

/** The 20 bones: joints at both ends, the nearer to the wrist first. */
export const BONES: readonly (readonly [number, number])[] = Array.from({ length: 20 }, (_, bone) => {
  const joint = bone + 1;
  return [bone % 4 === 0 ? WRIST : joint - 1, joint] as const;
});

/** Rotations: the wrist, then three a finger of index, middle, pinky, ring and thumb. */
export const ROTATION_COUNT = 16;
export const SHAPE_COUNT = 10;

/** Each rotation's parent; -1 for the wrist. */
export const PARENTS: readonly number[] = [-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14];

/** The joint, in the common order, at which each of the 16 rotations turns. */
export const ROTATION_JOINTS: readonly number[] = [0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3];
