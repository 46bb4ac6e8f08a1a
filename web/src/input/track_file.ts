/** Reads what `knuckle track` writes: JSON lines, a header and then a line a frame. */
import type { Camera, Hand, HandFrame, Side, State } from "../hand/frame";
import { SourceError, type StagePlace } from "./source";

/** Makes a hand's surface from its pose, as the rig does. */
export interface HandSurface {
  /** Joints 21 x 3 and vertices V x 3 in metres, about the rest place of the wrist. */
  pose(side: Side, pose_rad: Float32Array, shape: Float32Array): { joints_m: Float32Array; vertices_m: Float32Array };
  /** Triangles, wound outwards. */
  faces(side: Side): Uint32Array;
}

export interface Track {
  title: string;
  /** Frames per second, on average. */
  rate: number;
  place: StagePlace | null;
  frames: HandFrame[];
}

const FORMAT = "knuckle hand tracks";
const VERSION = 1;
const STATES: readonly State[] = ["observed", "doubtful", "held"];

/**
 * The frames of a track, with surfaces. A last line that is not whole, as a killed run leaves one, is left out.
 *
 * @param name the file's, for errors.
 * @throws SourceError naming the file, the line, what was expected and what came.
 */
export function parseTrack(text: string, name: string, surface: HandSurface): Track {
  const lines = text.split("\n");
  // The last line is empty, or not whole.
  if (lines.length > 1) lines.pop();
  const whole = lines;
  const head = record(parsed(whole[0] ?? ""), () => broken(name, 1, `the header of "${FORMAT}"`, whole[0] ?? ""));
  if (head.format !== FORMAT || head.version !== VERSION) {
    throw broken(name, 1, `the header of "${FORMAT}", version ${VERSION}`, `${head.format}, version ${head.version}`);
  }
  if (typeof head.rig === "string" && head.rig !== "open") {
    throw new SourceError("broken", `${name}: expected hands of the open rig, got those of ${head.rig}.`);
  }
  const size = { width: positive(head.width), height: positive(head.height) };
  const camera = cameraOf(head.camera);
  if (!size.width || !size.height || !camera) throw broken(name, 1, "a size and a camera", JSON.stringify(head.camera));
  const rate = positive(head.rate) || 30;
  const frames: HandFrame[] = [];
  for (let index = 1; index < whole.length; index++) {
    const data = parsed(whole[index]) as Record<string, unknown> | undefined;
    if (!data || typeof data !== "object" || !Array.isArray(data.hands)) {
      throw broken(name, index + 1, "a frame's hands", whole[index]);
    }
    const hands = data.hands.map((hand: unknown, order: number) => {
      const read = handOf(hand, order, surface);
      if (typeof read === "string") throw new SourceError("broken", `${name}, line ${index + 1}: ${read}.`);
      return read;
    });
    frames.push({
      time_s: typeof data.time_s === "number" ? data.time_s : (index - 1) / rate,
      ...size,
      camera: cameraOf(data.camera) ?? camera,
      hands,
      stages_ms: {},
    });
  }
  if (frames.length === 0) throw new SourceError("broken", `${name}: expected at least one frame, got none.`);
  return { title: typeof head.video === "string" ? head.video : name, rate, place: placeOf(head.settings), frames };
}

/** One hand of a line, or a sentence (without its end) about what is wrong with it. */
function handOf(value: unknown, order: number, surface: HandSurface): Hand | string {
  const data = (value ?? {}) as Record<string, unknown>;
  const side = data.side;
  if (side !== "left" && side !== "right") return `expected the side "left" or "right", got ${JSON.stringify(side)}`;
  const joints_m = numbers(data.joints_m, 63);
  const pose_rad = numbers(data.pose_rad, 48);
  const shape = numbers(data.shape, 10);
  if (!joints_m || !pose_rad || !shape) return "expected joints_m (21 x 3), pose_rad (16 x 3) and shape (10)";
  const errors = Array.isArray(data.joint_error_m) ? data.joint_error_m : [];
  const joint_error_m = Float32Array.from({ length: 21 }, (_, joint) =>
    typeof errors[joint] === "number" ? errors[joint] : NaN,
  );
  let vertices_m = numbers(data.vertices_m, null);
  if (!vertices_m || vertices_m.length === 0) {
    const posed = surface.pose(side, pose_rad, shape);
    vertices_m = posed.vertices_m.slice();
    for (let axis = 0; axis < 3; axis++) {
      const move = joints_m[axis] - posed.joints_m[axis];
      for (let at = axis; at < vertices_m.length; at += 3) vertices_m[at] += move;
    }
  }
  return {
    identity: typeof data.identity === "number" ? data.identity : order,
    side,
    confidence: typeof data.confidence === "number" ? data.confidence : 1,
    state: STATES.includes(data.state as State) ? (data.state as State) : data.state === "bridged" ? "held" : "observed",
    joints_m,
    joint_error_m,
    pose_rad,
    shape,
    vertices_m,
  };
}

function numbers(value: unknown, length: number | null): Float32Array | null {
  if (!Array.isArray(value)) return null;
  const flat = value.flat(2);
  if (length !== null && flat.length !== length) return null;
  return flat.every((one) => typeof one === "number" && Number.isFinite(one)) ? Float32Array.from(flat as number[]) : null;
}

function cameraOf(value: unknown): Camera | null {
  const data = (value ?? {}) as Record<string, unknown>;
  const [fx, fy] = [positive(data.fx), positive(data.fy)];
  if (!fx || !fy || typeof data.cx !== "number" || typeof data.cy !== "number") return null;
  return { fx, fy, cx: data.cx, cy: data.cy, assumed: data.assumed === true };
}

function placeOf(settings: unknown): StagePlace | null {
  const stage = (settings as { stage?: { anchor_m?: unknown; tilt_deg?: unknown } } | null)?.stage;
  const anchor = numbers(stage?.anchor_m, 3);
  if (!anchor || typeof stage?.tilt_deg !== "number") return null;
  return { anchor_m: [anchor[0], anchor[1], anchor[2]], tilt_deg: stage.tilt_deg };
}

function positive(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : 0;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

function record(value: unknown, error: () => SourceError): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw error();
  return value as Record<string, unknown>;
}

function broken(name: string, line: number, expected: string, got: string): SourceError {
  return new SourceError("broken", `${name}, line ${line}: expected ${expected}, got ${got.slice(0, 60) || "nothing"}.`);
}
