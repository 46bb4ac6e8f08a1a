/** Boxes (x, y, w, h), and how they lie to each other. */

export const longerSide = (box: Float64Array): number => Math.max(box[2], box[3]);

/** Intersection over union; 0 where both are empty. */
export function overlap(box: Float64Array, other: Float64Array): number {
  const inner = shared(box, other);
  return inner / Math.max(box[2] * box[3] + other[2] * other[3] - inner, 1e-12);
}

/** The share of a box that lies in another one. */
export function shareInside(box: Float64Array, other: Float64Array): number {
  return shared(box, other) / Math.max(box[2] * box[3], 1e-12);
}

function shared(box: Float64Array, other: Float64Array): number {
  const along = (axis: 0 | 1) =>
    Math.max(
      Math.min(box[axis] + box[2 + axis], other[axis] + other[2 + axis]) - Math.max(box[axis], other[axis]),
      0,
    );
  return along(0) * along(1);
}
