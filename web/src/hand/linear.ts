/** The little linear algebra that the fit needs: rows one after the other in `Float64Array`s, all in place. */

/**
 * Solves A X = B for a symmetric, positive definite A by its Cholesky factor, which replaces A; X replaces B.
 *
 * A is `size` x `size` of which the lower triangle is read, with `strideA` numbers a row; B `size` x `columns` with
 * `strideB`. Pivots that rounding made negative count as nearly zero, so that the answer is finite.
 */
export function solvePositive(
  a: Float64Array,
  fromA: number,
  strideA: number,
  size: number,
  b: Float64Array,
  fromB: number,
  strideB: number,
  columns: number,
): void {
  for (let j = 0; j < size; j++) {
    const rowJ = fromA + j * strideA;
    let pivot = a[rowJ + j];
    for (let k = 0; k < j; k++) pivot -= a[rowJ + k] * a[rowJ + k];
    const root = Math.sqrt(Math.max(pivot, 1e-18));
    a[rowJ + j] = root;
    for (let i = j + 1; i < size; i++) {
      const rowI = fromA + i * strideA;
      let sum = a[rowI + j];
      for (let k = 0; k < j; k++) sum -= a[rowI + k] * a[rowJ + k];
      a[rowI + j] = sum / root;
    }
  }
  for (let i = 0; i < size; i++) {
    const rowI = fromA + i * strideA;
    const target = fromB + i * strideB;
    for (let k = 0; k < i; k++) {
      const factor = a[rowI + k];
      const source = fromB + k * strideB;
      for (let c = 0; c < columns; c++) b[target + c] -= factor * b[source + c];
    }
    const inverse = 1 / a[rowI + i];
    for (let c = 0; c < columns; c++) b[target + c] *= inverse;
  }
  for (let i = size - 1; i >= 0; i--) {
    const target = fromB + i * strideB;
    for (let k = i + 1; k < size; k++) {
      const factor = a[fromA + k * strideA + i];
      const source = fromB + k * strideB;
      for (let c = 0; c < columns; c++) b[target + c] -= factor * b[source + c];
    }
    const inverse = 1 / a[fromA + i * strideA + i];
    for (let c = 0; c < columns; c++) b[target + c] *= inverse;
  }
}

/**
 * The upper triangular root U of a symmetric, positive definite 3 x 3 matrix, U^T U. False where it is not one.
 */
export function upperRoot(matrix: ArrayLike<number>, from: number, out: Float64Array, at: number): boolean {
  const u00 = Math.sqrt(matrix[from]);
  const u01 = matrix[from + 3] / u00;
  const u02 = matrix[from + 6] / u00;
  const u11 = Math.sqrt(matrix[from + 4] - u01 * u01);
  const u12 = (matrix[from + 7] - u02 * u01) / u11;
  const u22 = Math.sqrt(matrix[from + 8] - u02 * u02 - u12 * u12);
  out[at] = u00;
  out[at + 1] = u01;
  out[at + 2] = u02;
  out[at + 3] = 0;
  out[at + 4] = u11;
  out[at + 5] = u12;
  out[at + 6] = 0;
  out[at + 7] = 0;
  out[at + 8] = u22;
  // A negative pivot's root is NaN, a zero one makes the next quotients infinite or NaN.
  return u00 > 0 && u11 > 0 && u22 > 0 && Number.isFinite(u01 + u02 + u12);
}

const left = new Float64Array(9);
const right = new Float64Array(9);
const lengths = new Float64Array(3);

/**
 * The rotation nearest to a 3 x 3 matrix (the first step of Kabsch 1976), never a reflection: U diag(1, 1, +-1) V^T of its
 * singular value decomposition, found by one-sided Jacobi turns. Some rotation where the matrix leaves it open.
 */
export function nearestRotation(matrix: Float64Array, out: Float64Array, at: number): void {
  left.set(matrix);
  right.fill(0);
  right[0] = right[4] = right[8] = 1;
  for (let sweep = 0; sweep < 30; sweep++) {
    let turned = false;
    for (let p = 0; p < 2; p++) {
      for (let q = p + 1; q < 3; q++) turned = orthogonalised(p, q) || turned;
    }
    if (!turned) break;
  }
  for (let c = 0; c < 3; c++) lengths[c] = Math.hypot(left[c], left[3 + c], left[6 + c]);
  // The column of the least length is last, and is what the other two leave.
  const last = lengths[0] <= lengths[1] && lengths[0] <= lengths[2] ? 0 : lengths[1] <= lengths[2] ? 1 : 2;
  const first = (last + 1) % 3;
  const second = (last + 2) % 3;
  const large = Math.max(lengths[first], lengths[second]);
  unitColumn(first, large);
  unitColumn(second, large);
  if (lengths[first] <= 1e-12 * large || large === 0) setAcross(first, second);
  if (lengths[second] <= 1e-12 * large || large === 0) setAcross(second, first);
  crossColumns(left, first, second, last);
  crossColumns(right, first, second, last);
  for (let row = 0; row < 3; row++) {
    for (let c = 0; c < 3; c++) {
      let sum = 0;
      for (let k = 0; k < 3; k++) sum += left[3 * row + k] * right[3 * c + k];
      out[at + 3 * row + c] = sum;
    }
  }
}

/** Turns two columns of both factors until those of the left one are orthogonal; false where they are. */
function orthogonalised(p: number, q: number): boolean {
  let alpha = 0;
  let beta = 0;
  let gamma = 0;
  for (let row = 0; row < 9; row += 3) {
    alpha += left[row + p] * left[row + p];
    beta += left[row + q] * left[row + q];
    gamma += left[row + p] * left[row + q];
  }
  if (Math.abs(gamma) <= 1e-15 * Math.sqrt(alpha * beta) || gamma === 0) return false;
  const zeta = (beta - alpha) / (2 * gamma);
  const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const cos = 1 / Math.sqrt(1 + tangent * tangent);
  const sin = cos * tangent;
  for (const factor of [left, right]) {
    for (let row = 0; row < 9; row += 3) {
      const one = factor[row + p];
      const other = factor[row + q];
      factor[row + p] = cos * one - sin * other;
      factor[row + q] = sin * one + cos * other;
    }
  }
  return true;
}

function unitColumn(column: number, large: number): void {
  if (lengths[column] <= 1e-12 * large) return;
  for (let row = 0; row < 9; row += 3) left[row + column] /= lengths[column];
}

/** Makes a column some unit vector across another one, or an axis where that one is nothing either. */
function setAcross(column: number, other: number): void {
  const x = left[other];
  const y = left[3 + other];
  const z = left[6 + other];
  const size = Math.hypot(x, y, z);
  if (!(size > 0.5)) {
    for (let row = 0; row < 3; row++) left[3 * row + column] = row === column ? 1 : 0;
    return;
  }
  const least = Math.abs(x) <= Math.abs(y) && Math.abs(x) <= Math.abs(z) ? 0 : Math.abs(y) <= Math.abs(z) ? 1 : 2;
  const along = least === 0 ? x : least === 1 ? y : z;
  for (let row = 0; row < 3; row++) {
    const own = row === 0 ? x : row === 1 ? y : z;
    left[3 * row + column] = (row === least ? 1 : 0) - along * own;
  }
  const norm = Math.hypot(left[column], left[3 + column], left[6 + column]);
  for (let row = 0; row < 9; row += 3) left[row + column] /= norm;
}

/** Column `to` becomes the cross product of two others. */
function crossColumns(matrix: Float64Array, first: number, second: number, to: number): void {
  const [ax, ay, az] = [matrix[first], matrix[3 + first], matrix[6 + first]];
  const [bx, by, bz] = [matrix[second], matrix[3 + second], matrix[6 + second]];
  matrix[to] = ay * bz - az * by;
  matrix[3 + to] = az * bx - ax * bz;
  matrix[6 + to] = ax * by - ay * bx;
}
