/** The hand rig: linear blend skinning of 16 joints, 10 shapes and 30 pose correctives (Python: `knuckle.rig.hand_rig`). */
import type { Side } from "./frame";
import { readRigFile, type RigFile, type TrackingFigures } from "./rig_file";
import { axisAngleToMatrix, multiplyMatrices, turnVector } from "./rotations";
import { JOINT_COUNT, PARENTS, ROTATION_COUNT, ROTATION_JOINTS, SHAPE_COUNT } from "./skeleton";

/** A rig in a pose; metres, in the frame of the translation. */
export interface PosedHand {
  /** 21 x 3, common order. */
  joints_m: Float32Array;
  /** V x 3. */
  vertices_m: Float32Array;
}

/** A rig of one side. Its arrays are constants. */
export class HandRig {
  readonly vertexCount: number;
  private readonly points: Float64Array;
  private readonly features: Float64Array;
  private readonly starts: Uint32Array;
  private readonly drives: Drives;
  private readonly shape = new Float64Array(SHAPE_COUNT);
  private readonly jointRest = new Float64Array(48);
  private readonly joints16 = new Float64Array(48);
  private readonly world = new Float64Array(144);
  /** Rows of 12: rotation and shift of each joint, row by row of the rotation, each with its shift. */
  private readonly motions = new Float64Array(192);
  private readonly matrices = new Float64Array(144);
  private readonly offset = new Float64Array(3);

  constructor(
    readonly side: Side,
    /** As in the file, for this side. */
    readonly data: RigFile,
  ) {
    this.vertexCount = data.vertices.length / 3;
    this.points = new Float64Array(data.vertices.length);
    this.features = new Float64Array(data.correctiveMap.length / 135);
    this.starts = startsOf(data.correctiveVertex, this.vertexCount);
    this.drives = drivesOf(data.correctiveMap);
  }

  /**
   * Joints and surface in a pose. rotations: 16 matrices relative to their parents, 144 numbers; shape: 10;
   * translation_m: added to everything. `joints` (63) and `vertices` (V x 3) are written.
   */
  place(
    rotations: Float64Array,
    shape: ArrayLike<number>,
    translation_m: ArrayLike<number> | null,
    joints: Float32Array | Float64Array,
    vertices: Float32Array | Float64Array,
  ): void {
    this.articulate(rotations, shape, translation_m, joints);
    this.correct(rotations);
    this.setPoints(0, this.vertexCount);
    for (let vertex = 0; vertex < this.vertexCount; vertex++) this.skin(vertex, vertices, 3 * vertex);
    const { tipVertices } = this.data;
    for (let tip = 0; tip < 5; tip++) {
      for (let c = 0; c < 3; c++) joints[3 * (4 * tip + 4) + c] = vertices[3 * tipVertices[tip] + c];
    }
  }

  /** The 21 joints alone, as `place` gives them: five vertices are skinned, not all. */
  placeJoints(
    rotations: Float64Array,
    shape: ArrayLike<number>,
    translation_m: ArrayLike<number> | null,
    joints: Float32Array | Float64Array,
  ): void {
    this.articulate(rotations, shape, translation_m, joints);
    this.correct(rotations);
    for (let tip = 0; tip < 5; tip++) {
      const vertex = this.data.tipVertices[tip];
      this.setPoints(vertex, vertex + 1);
      this.skin(vertex, joints, 3 * (4 * tip + 4));
    }
  }

  /** From the wrist to the middle finger's knuckle of a hand of that shape, metres. */
  palmLength(shape: ArrayLike<number>): number {
    this.setRest(shape);
    const rest = this.jointRest;
    const middle = 3 * ROTATION_JOINTS.indexOf(9);
    return Math.hypot(rest[middle] - rest[0], rest[middle + 1] - rest[1], rest[middle + 2] - rest[2]);
  }

  /** Rotations of an axis-angle pose (48 numbers): 16 matrices, which the next call overwrites. */
  matricesOf(pose_rad: ArrayLike<number>): Float64Array {
    for (let joint = 0; joint < ROTATION_COUNT; joint++) {
      axisAngleToMatrix(pose_rad, 3 * joint, this.matrices, 9 * joint);
    }
    return this.matrices;
  }

  /** The joints at rest of a shape. */
  private setRest(shape: ArrayLike<number>): void {
    const { jointRest, jointBasis } = this.data;
    for (let k = 0; k < SHAPE_COUNT; k++) this.shape[k] = shape[k];
    for (let n = 0; n < jointRest.length; n++) {
      let value = jointRest[n];
      for (let k = 0; k < SHAPE_COUNT; k++) value += jointBasis[SHAPE_COUNT * n + k] * this.shape[k];
      this.jointRest[n] = value;
    }
  }

  /** Rest joints of the shape, world rotations, posed joints and motions; the joints but the tips go to `joints`. */
  private articulate(
    rotations: Float64Array,
    shape: ArrayLike<number>,
    translation: ArrayLike<number> | null,
    joints: Float32Array | Float64Array,
  ): void {
    const { jointRest, joints16, world, motions, offset } = this;
    this.setRest(shape);
    for (let joint = 0; joint < ROTATION_COUNT; joint++) {
      const parent = PARENTS[joint];
      const at = 3 * joint;
      if (parent < 0) {
        for (let i = 0; i < 9; i++) world[i] = rotations[i];
        for (let c = 0; c < 3; c++) joints16[c] = jointRest[c] + (translation === null ? 0 : translation[c]);
      } else {
        multiplyMatrices(world, 9 * parent, rotations, 9 * joint, world, 9 * joint);
        for (let c = 0; c < 3; c++) offset[c] = jointRest[at + c] - jointRest[3 * parent + c];
        turnVector(world, 9 * parent, offset, 0, offset, 0);
        for (let c = 0; c < 3; c++) joints16[at + c] = joints16[3 * parent + c] + offset[c];
      }
      turnVector(world, 9 * joint, jointRest, at, offset, 0);
      for (let row = 0; row < 3; row++) {
        for (let c = 0; c < 3; c++) motions[12 * joint + 4 * row + c] = world[9 * joint + 3 * row + c];
        motions[12 * joint + 4 * row + 3] = joints16[at + row] - offset[row];
        joints[3 * ROTATION_JOINTS[joint] + row] = joints16[at + row];
      }
    }
  }

  /** How strong each pose corrective is: few entries of the fingers' rotations count for each. */
  private correct(rotations: Float64Array): void {
    const { features, drives } = this;
    features.set(drives.atIdentity);
    for (let n = 0; n < drives.weight.length; n++) {
      features[drives.corrective[n]] += drives.weight[n] * rotations[9 + drives.entry[n]];
    }
  }

  /** Vertices at rest, of the shape, with the correctives that move them: those stand in the order of their vertices. */
  private setPoints(from: number, to: number): void {
    const { points, features, starts } = this;
    const { vertices, shapeBasis, corrective, correctiveMove } = this.data;
    const [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9] = this.shape;
    // Written out: a loop over ten takes several times as long.
    for (let n = 3 * from, row = SHAPE_COUNT * n; n < 3 * to; n++, row += SHAPE_COUNT) {
      points[n] =
        vertices[n] +
        s0 * shapeBasis[row] +
        s1 * shapeBasis[row + 1] +
        s2 * shapeBasis[row + 2] +
        s3 * shapeBasis[row + 3] +
        s4 * shapeBasis[row + 4] +
        s5 * shapeBasis[row + 5] +
        s6 * shapeBasis[row + 6] +
        s7 * shapeBasis[row + 7] +
        s8 * shapeBasis[row + 8] +
        s9 * shapeBasis[row + 9];
    }
    for (let vertex = from; vertex < to; vertex++) {
      for (let move = starts[vertex]; move < starts[vertex + 1]; move++) {
        const strength = features[corrective[move]];
        points[3 * vertex] += strength * correctiveMove[3 * move];
        points[3 * vertex + 1] += strength * correctiveMove[3 * move + 1];
        points[3 * vertex + 2] += strength * correctiveMove[3 * move + 2];
      }
    }
  }

  /** Blends the rigid motions at a vertex. */
  private skin(vertex: number, out: Float32Array | Float64Array, at: number): void {
    const { points, motions } = this;
    const { influences, skinIndex, skinWeight } = this.data;
    const px = points[3 * vertex];
    const py = points[3 * vertex + 1];
    const pz = points[3 * vertex + 2];
    let x = 0;
    let y = 0;
    let z = 0;
    for (let n = influences * vertex; n < influences * (vertex + 1); n++) {
      const weight = skinWeight[n];
      if (weight === 0) break;
      const m = 12 * skinIndex[n];
      x += weight * (motions[m] * px + motions[m + 1] * py + motions[m + 2] * pz + motions[m + 3]);
      y += weight * (motions[m + 4] * px + motions[m + 5] * py + motions[m + 6] * pz + motions[m + 7]);
      z += weight * (motions[m + 8] * px + motions[m + 9] * py + motions[m + 10] * pz + motions[m + 11]);
    }
    out[at] = x;
    out[at + 1] = y;
    out[at + 2] = z;
  }
}

/** Where each vertex's moves by correctives begin, and where the last one's end. */
function startsOf(owners: Uint16Array, count: number): Uint32Array {
  const starts = new Uint32Array(count + 1);
  for (const owner of owners) starts[owner + 1]++;
  for (let n = 0; n < count; n++) starts[n + 1] += starts[n];
  return starts;
}

/** Which entries of the fingers' rotations drive which corrective, and how strong each one is where nothing is bent. */
interface Drives {
  atIdentity: Float64Array;
  corrective: Uint8Array;
  entry: Uint8Array;
  weight: Float64Array;
}

function drivesOf(correctiveMap: Float32Array): Drives {
  const used = [...correctiveMap.keys()].filter((n) => correctiveMap[n] !== 0);
  const atIdentity = new Float64Array(correctiveMap.length / 135);
  for (const n of used) {
    if ((n % 135) % 9 === 0 || (n % 135) % 9 === 4 || (n % 135) % 9 === 8) {
      atIdentity[Math.floor(n / 135)] -= correctiveMap[n];
    }
  }
  return {
    atIdentity,
    corrective: Uint8Array.from(used, (n) => Math.floor(n / 135)),
    entry: Uint8Array.from(used, (n) => n % 135),
    weight: Float64Array.from(used, (n) => correctiveMap[n]),
  };
}

/** The open rig, both sides. */
export class Rig {
  readonly right: HandRig;
  readonly left: HandRig;
  private readonly outwards: Record<Side, Uint32Array>;

  constructor(data: RigFile) {
    this.right = new HandRig("right", data);
    this.left = new HandRig("left", mirrored(data));
    this.outwards = { right: this.right.data.faces, left: this.left.data.faces };
  }

  get vertexCount(): number {
    return this.right.vertexCount;
  }

  /** Learnt figures that tracking needs. */
  get tracking(): TrackingFigures {
    return this.right.data.tracking;
  }

  /** The rig of a side. */
  of(side: Side): HandRig {
    return side === "right" ? this.right : this.left;
  }

  /** Triangles of that side's surface, wound outwards: F x 3, a constant. */
  faces(side: Side): Uint32Array {
    return this.outwards[side];
  }

  /**
   * The hand in a pose, as Python's `rig.posed(pose, shape, translation)`: it turns about its wrist joint's place at rest.
   *
   * pose_rad: 16 x 3 axis-angle; shape: 10; translation_m: added to everything.
   * Throws an `Error` for another number of numbers.
   */
  pose(
    side: Side,
    pose_rad: ArrayLike<number>,
    shape: ArrayLike<number>,
    translation_m: ArrayLike<number> | null = null,
  ): PosedHand {
    checkCount("pose_rad", pose_rad, 3 * ROTATION_COUNT);
    checkCount("shape", shape, SHAPE_COUNT);
    if (translation_m !== null) checkCount("translation_m", translation_m, 3);
    const rig = this.of(side);
    const hand = {
      joints_m: new Float32Array(3 * JOINT_COUNT),
      vertices_m: new Float32Array(3 * rig.vertexCount),
    };
    rig.place(rig.matricesOf(pose_rad), shape, translation_m, hand.joints_m, hand.vertices_m);
    return hand;
  }
}

/** Reads the rig from `rig.bin`. Throws an `Error` for another file. */
export function loadRig(buffer: ArrayBuffer): Rig {
  return new Rig(readRigFile(buffer));
}

/** Throws an `Error` where there are not so many numbers. */
export function checkCount(name: string, values: ArrayLike<number>, count: number): void {
  if (values?.length !== count) throw new Error(`${name}: expected ${count} numbers, got ${values?.length}`);
}

/** The hand of the other side: x becomes -x. Axes are those of rotations, which mirror the other way. */
function mirrored(right: RigFile): RigFile {
  const points = (values: Float32Array, inner: number): Float32Array =>
    values.map((value, n) => (Math.floor(n / inner) % 3 === 0 ? -value : value));
  const double = (values: Float64Array, inner: number): Float64Array =>
    values.map((value, n) => (Math.floor(n / inner) % 3 === 0 ? -value : value));
  // Entries of a rotation matrix in the first row or the first column alone change their sign.
  const turnSign = [1, -1, -1, -1, 1, 1, -1, 1, 1];
  return {
    ...right,
    vertices: points(right.vertices, 1),
    faces: right.faces.map((_, n) => right.faces[3 * Math.floor(n / 3) + 2 - (n % 3)]),
    shapeBasis: points(right.shapeBasis, SHAPE_COUNT),
    correctiveMove: points(right.correctiveMove, 1),
    correctiveMap: right.correctiveMap.map((value, n) => value * turnSign[n % 9]),
    jointRest: double(right.jointRest, 1),
    jointBasis: double(right.jointBasis, SHAPE_COUNT),
    axes: right.axes.map((value, n) => (n % 3 === 0 ? value : -value)),
  };
}
