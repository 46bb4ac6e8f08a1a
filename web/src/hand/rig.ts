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
    const { data, points } = this;
    for (let vertex = 0; vertex < this.vertexCount; vertex++) {
      addShape(points, 3 * vertex, data.vertices, data.shapeBasis, 3 * vertex, shape, 3);
      this.addCorrectives(vertex);
      this.skin(vertex, vertices, 3 * vertex);
    }
    this.setTips(vertices, joints);
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
    const { data, points } = this;
    for (let tip = 0; tip < 5; tip++) {
      const vertex = data.tipVertices[tip];
      addShape(points, 3 * vertex, data.vertices, data.shapeBasis, 3 * vertex, shape, 3);
      this.addCorrectives(vertex);
      this.skin(vertex, joints, 3 * (4 * tip + 4));
    }
  }

  /** From the wrist to the middle finger's knuckle of a hand of that shape, metres. */
  palmLength(shape: ArrayLike<number>): number {
    const { jointRest, jointBasis } = this.data;
    addShape(this.jointRest, 0, jointRest, jointBasis, 0, shape, 48);
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

  /** Rest joints of the shape, world rotations, posed joints and motions; the joints but the tips go to `joints`. */
  private articulate(
    rotations: Float64Array,
    shape: ArrayLike<number>,
    translation: ArrayLike<number> | null,
    joints: Float32Array | Float64Array,
  ): void {
    const { data, jointRest, joints16, world, motions, offset } = this;
    addShape(jointRest, 0, data.jointRest, data.jointBasis, 0, shape, 48);
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

  /** How strong each pose corrective is. */
  private correct(rotations: Float64Array): void {
    const { correctiveMap } = this.data;
    for (let corrective = 0; corrective < this.features.length; corrective++) {
      let sum = 0;
      for (let entry = 0; entry < 135; entry++) {
        const weight = correctiveMap[135 * corrective + entry];
        if (weight !== 0) sum += weight * (rotations[9 + entry] - (entry % 9 === 0 || entry % 9 === 4 || entry % 9 === 8 ? 1 : 0));
      }
      this.features[corrective] = sum;
    }
  }

  private addCorrectives(vertex: number): void {
    const { data, points, features } = this;
    // Moves stand in the order of their vertices.
    const { starts } = this;
    for (let move = starts[vertex]; move < starts[vertex + 1]; move++) {
      const strength = features[data.corrective[move]];
      points[3 * vertex] += strength * data.correctiveMove[3 * move];
      points[3 * vertex + 1] += strength * data.correctiveMove[3 * move + 1];
      points[3 * vertex + 2] += strength * data.correctiveMove[3 * move + 2];
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

  private setTips(vertices: Float32Array | Float64Array, joints: Float32Array | Float64Array): void {
    for (let tip = 0; tip < 5; tip++) {
      for (let c = 0; c < 3; c++) joints[3 * (4 * tip + 4) + c] = vertices[3 * this.data.tipVertices[tip] + c];
    }
  }

  /** Where each vertex's moves by correctives begin, and where the last one's end. */
  private get starts(): Uint32Array {
    return (this.cachedStarts ??= startsOf(this.data.correctiveVertex, this.vertexCount));
  }

  private cachedStarts: Uint32Array | null = null;
}

function startsOf(owners: Uint16Array, count: number): Uint32Array {
  const starts = new Uint32Array(count + 1);
  for (const owner of owners) starts[owner + 1]++;
  for (let n = 0; n < count; n++) starts[n + 1] += starts[n];
  return starts;
}

/** Numbers at rest, moved by a shape of 10 coefficients. */
function addShape(
  out: Float64Array,
  at: number,
  rest: ArrayLike<number>,
  basis: ArrayLike<number>,
  from: number,
  shape: ArrayLike<number>,
  count: number,
): void {
  for (let n = 0; n < count; n++) {
    let value = rest[from + n];
    const row = SHAPE_COUNT * (from + n);
    for (let k = 0; k < SHAPE_COUNT; k++) value += basis[row + k] * shape[k];
    out[at + n] = value;
  }
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
   * pose_rad: 16 x 3 axis-angle; shape: 10; translation_m: added to everything; into: arrays to write to, else new ones.
   * Throws an `Error` for another number of numbers.
   */
  pose(
    side: Side,
    pose_rad: ArrayLike<number>,
    shape: ArrayLike<number>,
    translation_m: ArrayLike<number> | null = null,
    into?: PosedHand,
  ): PosedHand {
    checkCount("pose_rad", pose_rad, 3 * ROTATION_COUNT);
    checkCount("shape", shape, SHAPE_COUNT);
    if (translation_m !== null) checkCount("translation_m", translation_m, 3);
    const rig = this.of(side);
    const hand = into ?? {
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
