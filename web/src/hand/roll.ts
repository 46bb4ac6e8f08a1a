/** How a hand stands in the picture. */

/**
 * How far a hand is turned from fingers-up, clockwise in the picture, radians: from the wrist to the knuckles of index,
 * middle (which counts twice) and ring finger. joints_px: 21 x 2.
 */
export function handRoll(joints_px: ArrayLike<number>): number {
  const along = (axis: number): number =>
    (joints_px[10 + axis] + 2 * joints_px[18 + axis] + joints_px[26 + axis]) / 4 - joints_px[axis];
  return Math.atan2(along(0), -along(1));
}
