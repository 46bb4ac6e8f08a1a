/** The open rig's file, `rig.bin`, as `tools/web_assets/rig.py` writes it: a header of JSON, then arrays. */

/** Learnt figures that tracking needs beside the rig (Python: `assets/metric.json` and `assets/sides.json`). */
export interface TrackingFigures {
  /** Natural logarithms, of lengths over `mean_m` or standard deviations of such; seconds for `alike_s`. */
  size: {
    mean_m: number;
    people: number;
    slope: number;
    offset: number;
    frame: number;
    person: number;
    alike_s: number;
  };
  /** By how much hands are put too far away: a constant, and slopes of three signals, ... */
  farther: number[];
  /** ... each kept within its range. */
  range: [number, number][];
  /** Logarithm of the odds that two near hands are of two sides. */
  pair: number;
  /** What of the 10 shapes makes the mean hand as large again. */
  shape_of_mean: number[];
}

/** The arrays of the file, of a right hand; lengths in metres, angles in radians. V vertices, F triangles. */
export interface RigFile {
  tracking: TrackingFigures;
  /** V x 3, at rest. */
  vertices: Float32Array;
  /** F x 3, wound outwards. */
  faces: Uint32Array;
  /** V x 3 x 10. */
  shapeBasis: Float32Array;
  /** How many joints move a vertex at most, and V x so many of them with what they count; 0 where there are fewer. */
  influences: number;
  skinIndex: Uint8Array;
  skinWeight: Float32Array;
  /** The moves of vertices by pose correctives: which vertex, which corrective, and 3 metres at a strength of 1. */
  correctiveVertex: Uint16Array;
  corrective: Uint8Array;
  correctiveMove: Float32Array;
  /** 30 x 135: a corrective's strength by the fingers' 15 rotation matrices less the identity. */
  correctiveMap: Float32Array;
  /** 16 x 3 and 16 x 3 x 10. */
  jointRest: Float64Array;
  jointBasis: Float64Array;
  /** Thumb, index, middle, ring, pinky. */
  tipVertices: Uint16Array;
  /** 16 x 3 x 3, rows: axes of twist, splay and bend; 16 x 3 angles at rest; 16 signs of the axes' handedness. */
  axes: Float64Array;
  restAngles: Float64Array;
  handed: Float64Array;
  /** 16 x 3, of twist, splay and bend. */
  anglesLow: Float64Array;
  anglesHigh: Float64Array;
}

const MAGIC = "KNUCKLE1";

/** Reads the file. Throws an `Error` with one sentence for anything else, a file that is cut short or of another version. */
export function readRigFile(buffer: ArrayBuffer): RigFile {
  const magic = new TextDecoder().decode(new Uint8Array(buffer, 0, Math.min(MAGIC.length, buffer.byteLength)));
  if (magic !== MAGIC || buffer.byteLength < MAGIC.length + 4) {
    throw new Error(`rig.bin: expected a rig's file that begins with ${MAGIC}, got ${buffer.byteLength} other bytes`);
  }
  const length = new DataView(buffer).getUint32(MAGIC.length, true);
  const start = MAGIC.length + 4 + length;
  let header: { arrays: Record<string, Place>; tracking: TrackingFigures };
  try {
    header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, MAGIC.length + 4, length)));
  } catch {
    throw new Error("rig.bin: expected a header of JSON, got a file that is damaged or cut short");
  }
  checkTracking(header.tracking);
  const values = (name: string, ...shape: number[]): ArrayBufferView & ArrayLike<number> =>
    readArray(buffer, start, header.arrays ?? {}, name, shape);
  const vertices = Float32Array.from(values("vertices", -1, 3));
  const count = vertices.length / 3;
  const skinIndex = Uint8Array.from(values("skin_index", count, -1));
  const correctiveVertex = Uint16Array.from(values("corrective_vertex", -1));
  return {
    tracking: header.tracking,
    vertices,
    faces: Uint32Array.from(values("faces", -1, 3)),
    shapeBasis: Float32Array.from(values("shape_basis", count, 3, 10)),
    influences: skinIndex.length / count,
    skinIndex,
    skinWeight: Float32Array.from(values("skin_weight", count, -1)),
    correctiveVertex,
    corrective: Uint8Array.from(values("corrective", correctiveVertex.length)),
    correctiveMove: Float32Array.from(values("corrective_move", correctiveVertex.length, 3)),
    correctiveMap: Float32Array.from(values("corrective_map", -1, 135)),
    jointRest: Float64Array.from(values("joint_rest", 16, 3)),
    jointBasis: Float64Array.from(values("joint_basis", 16, 3, 10)),
    tipVertices: Uint16Array.from(values("tip_vertices", 5)),
    axes: Float64Array.from(values("axes", 16, 3, 3)),
    restAngles: Float64Array.from(values("rest_angles", 16, 3)),
    handed: Float64Array.from(values("handed", 16)),
    anglesLow: Float64Array.from(values("angles_low", 16, 3)),
    anglesHigh: Float64Array.from(values("angles_high", 16, 3)),
  };
}

/** Throws an `Error` unless all figures are there, as many as this page reads. */
function checkTracking(tracking: Partial<TrackingFigures> | undefined): void {
  const size = ["mean_m", "people", "slope", "offset", "frame", "person", "alike_s"] as const;
  const whole =
    typeof tracking?.pair === "number" &&
    size.every((name) => typeof tracking.size?.[name] === "number") &&
    tracking.farther?.length === 4 &&
    tracking.range?.length === 3 &&
    tracking.shape_of_mean?.length === 10;
  if (!whole) throw new Error("rig.bin: expected the figures that tracking needs, got a file of another version than this page");
}

interface Place {
  type: string;
  shape: number[];
  offset: number;
}

/** An array of the file; -1 in the expected shape is any number. */
function readArray(
  buffer: ArrayBuffer,
  start: number,
  places: Record<string, Place>,
  name: string,
  expected: number[],
): ArrayBufferView & ArrayLike<number> {
  const place = places[name];
  const shape = place?.shape ?? [];
  if (shape.length !== expected.length || expected.some((want, axis) => want >= 0 && want !== shape[axis])) {
    throw new Error(`rig.bin: expected an array ${name} of shape ${expected}, got ${place ? `one of ${shape}` : "none"}`);
  }
  const count = shape.reduce((product, size) => product * size, 1);
  const offset = start + place.offset;
  const size = BYTES[place.type];
  if (size === undefined || offset + count * size > buffer.byteLength) {
    throw new Error(`rig.bin: expected ${count} numbers of type ${place.type} as ${name}, got a file that is cut short`);
  }
  // Copied, so that any offset will do.
  const raw = buffer.slice(offset, offset + count * size);
  switch (place.type) {
    case "float64":
      return new Float64Array(raw);
    case "float32":
      return new Float32Array(raw);
    case "float16":
      return Float32Array.from(new Uint16Array(raw), halfToNumber);
    case "uint16":
      return new Uint16Array(raw);
    default:
      return new Uint8Array(raw);
  }
}

const BYTES: Record<string, number> = { float64: 8, float32: 4, float16: 2, uint16: 2, uint8: 1 };

/** The number of 16 bits: a sign, 5 bits of exponent, 10 of fraction (IEEE 754). */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
