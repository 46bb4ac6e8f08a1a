/** How far lists of numbers lie from each other. */

/** The largest distance between two lists of points, in the unit of the points. */
export function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`expected ${b.length} numbers, got ${a.length}`);
  let most = 0;
  for (let n = 0; n < a.length; n += 3) {
    const away = Math.hypot(a[n] - b[n], a[n + 1] - b[n + 1], a[n + 2] - b[n + 2]);
    if (!(away <= most)) most = away;
  }
  return most;
}

/** The largest difference of two lists of numbers; NaN where one is. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`expected ${b.length} numbers, got ${a.length}`);
  let most = 0;
  for (let n = 0; n < a.length; n++) {
    const away = Math.abs(a[n] - b[n]);
    if (!(away <= most)) most = away;
  }
  return most;
}
