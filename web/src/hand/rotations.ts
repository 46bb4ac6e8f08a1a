/**
 * Rotations as axis-angle vectors (radians), 3 x 3 matrices row by row, and unit quaternions (w, x, y, z).
 *
 * Everything works in place on `Float64Array`s at offsets, so that nothing is allocated where it is called often.
 * Functions write to `out` from `at` on; `out` may not be one of the inputs unless it says so.
 */

const SMALL_ANGLE_SQUARED = 1e-4;
const SMALL_LENGTH = 1e-8;

/** Rodrigues' formula, its quotients as series where the angle is below 0.01 rad. */
export function axisAngleToMatrix(vector: ArrayLike<number>, from: number, out: Float64Array, at: number): void {
  const x = vector[from];
  const y = vector[from + 1];
  const z = vector[from + 2];
  const squared = x * x + y * y + z * z;
  let a: number;
  let b: number;
  if (squared < SMALL_ANGLE_SQUARED) {
    a = 1 - squared / 6 + (squared * squared) / 120;
    b = 0.5 - squared / 24 + (squared * squared) / 720;
  } else {
    const angle = Math.sqrt(squared);
    const half = Math.sin(0.5 * angle);
    a = Math.sin(angle) / angle;
    b = (2 * half * half) / squared;
  }
  out[at] = 1 - b * (y * y + z * z);
  out[at + 1] = b * x * y - a * z;
  out[at + 2] = b * x * z + a * y;
  out[at + 3] = b * x * y + a * z;
  out[at + 4] = 1 - b * (x * x + z * z);
  out[at + 5] = b * y * z - a * x;
  out[at + 6] = b * x * z - a * y;
  out[at + 7] = b * y * z + a * x;
  out[at + 8] = 1 - b * (x * x + y * y);
}

/** Of length 0 to pi; by way of the quaternion, built from its largest component (Shepperd 1978). */
export function matrixToAxisAngle(matrix: ArrayLike<number>, from: number, out: Float64Array, at: number): void {
  const m00 = matrix[from];
  const m01 = matrix[from + 1];
  const m02 = matrix[from + 2];
  const m10 = matrix[from + 3];
  const m11 = matrix[from + 4];
  const m12 = matrix[from + 5];
  const m20 = matrix[from + 6];
  const m21 = matrix[from + 7];
  const m22 = matrix[from + 8];
  let w = 1 + m00 + m11 + m22;
  let x = m21 - m12;
  let y = m02 - m20;
  let z = m10 - m01;
  let best = w;
  const xx = 1 + m00 - m11 - m22;
  const yy = 1 - m00 + m11 - m22;
  const zz = 1 - m00 - m11 + m22;
  if (xx > best) {
    best = xx;
    w = m21 - m12;
    x = xx;
    y = m10 + m01;
    z = m02 + m20;
  }
  if (yy > best) {
    best = yy;
    w = m02 - m20;
    x = m10 + m01;
    y = yy;
    z = m12 + m21;
  }
  if (zz > best) {
    w = m10 - m01;
    x = m02 + m20;
    y = m12 + m21;
    z = zz;
  }
  const scale = (w < 0 ? -1 : 1) / Math.max(Math.sqrt(w * w + x * x + y * y + z * z), 1e-8);
  quaternionParts(w * scale, x * scale, y * scale, z * scale, out, at);
}

function quaternionParts(w: number, x: number, y: number, z: number, out: Float64Array, at: number): void {
  const length = Math.sqrt(x * x + y * y + z * z);
  // atan2 keeps its digits near 0, where the quotient tends to 2.
  const ratio = length < SMALL_LENGTH ? 2 : (2 * Math.atan2(length, w)) / length;
  out[at] = ratio * x;
  out[at + 1] = ratio * y;
  out[at + 2] = ratio * z;
}

/** The unit quaternion of an axis-angle vector. */
export function axisAngleToQuaternion(vector: ArrayLike<number>, from: number, out: Float64Array, at: number): void {
  const x = vector[from];
  const y = vector[from + 1];
  const z = vector[from + 2];
  const half = 0.5 * Math.sqrt(x * x + y * y + z * z);
  const ratio = half < SMALL_LENGTH ? 0.5 : Math.sin(half) / (2 * half);
  out[at] = Math.cos(half);
  out[at + 1] = ratio * x;
  out[at + 2] = ratio * y;
  out[at + 3] = ratio * z;
}

/** Of length 0 to pi: q and -q are the same rotation. */
export function quaternionToAxisAngle(q: ArrayLike<number>, from: number, out: Float64Array, at: number): void {
  const sign = q[from] < 0 ? -1 : 1;
  quaternionParts(sign * q[from], sign * q[from + 1], sign * q[from + 2], sign * q[from + 3], out, at);
}

/** The rotation `b`, then `a`, as the product of their matrices; `out` may be either. `inverted`: a's inverse. */
export function multiplyQuaternions(
  a: ArrayLike<number>,
  fromA: number,
  b: ArrayLike<number>,
  fromB: number,
  out: Float64Array,
  at: number,
  inverted = false,
): void {
  const sign = inverted ? -1 : 1;
  const aw = a[fromA];
  const ax = sign * a[fromA + 1];
  const ay = sign * a[fromA + 2];
  const az = sign * a[fromA + 3];
  const bw = b[fromB];
  const bx = b[fromB + 1];
  const by = b[fromB + 2];
  const bz = b[fromB + 3];
  out[at] = aw * bw - ax * bx - ay * by - az * bz;
  out[at + 1] = aw * bx + ax * bw + ay * bz - az * by;
  out[at + 2] = aw * by - ax * bz + ay * bw + az * bx;
  out[at + 3] = aw * bz + ax * by - ay * bx + az * bw;
}

/** The product of two matrices. */
export function multiplyMatrices(
  a: Float64Array,
  fromA: number,
  b: Float64Array,
  fromB: number,
  out: Float64Array,
  at: number,
): void {
  for (let row = 0; row < 3; row++) {
    const a0 = a[fromA + 3 * row];
    const a1 = a[fromA + 3 * row + 1];
    const a2 = a[fromA + 3 * row + 2];
    out[at + 3 * row] = a0 * b[fromB] + a1 * b[fromB + 3] + a2 * b[fromB + 6];
    out[at + 3 * row + 1] = a0 * b[fromB + 1] + a1 * b[fromB + 4] + a2 * b[fromB + 7];
    out[at + 3 * row + 2] = a0 * b[fromB + 2] + a1 * b[fromB + 5] + a2 * b[fromB + 8];
  }
}

/** A matrix times a vector; `out` may be the vector. */
export function turnVector(
  matrix: ArrayLike<number>,
  from: number,
  vector: ArrayLike<number>,
  fromVector: number,
  out: Float64Array,
  at: number,
): void {
  const x = vector[fromVector];
  const y = vector[fromVector + 1];
  const z = vector[fromVector + 2];
  out[at] = matrix[from] * x + matrix[from + 1] * y + matrix[from + 2] * z;
  out[at + 1] = matrix[from + 3] * x + matrix[from + 4] * y + matrix[from + 5] * z;
  out[at + 2] = matrix[from + 6] * x + matrix[from + 7] * y + matrix[from + 8] * z;
}

/** An angle brought to -pi..pi. */
export function wrapped(angle_rad: number): number {
  const turn = 2 * Math.PI;
  const past = (angle_rad + Math.PI) % turn;
  return (past < 0 ? past + turn : past) - Math.PI;
}
