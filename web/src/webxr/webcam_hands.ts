/**
 * Hands of a camera as WebXR's hands: any page that reads XRHand then works without a headset.
 *
 *   const hands = new WebcamHands(rig);
 *   hands.install();              // navigator.xr is ours now; the page asks it for a session as always
 *   source.onFrame((frame) => hands.show(frame));
 *
 * The emulated runtime is iwer's. It keeps a pose for each hand, meant to be one of a few fixed ones, and mirrors it for
 * the right hand; here every frame's joints are written into it, mirrored before, so that they come out as they are.
 */
import { P_HAND_INPUT, XRDevice } from "iwer";
import type { Hand, HandFrame, Side } from "../hand/frame";
import type { Rig } from "../hand/rig";
import { JointPlacer, WEBXR_JOINTS, type PlacedJoints } from "./joints";

/**
 * Where the camera is in the world, whose floor is at y = 0 and where the viewer's head is at (0, 1.6, 0): a rigid
 * motion, 4 x 4 in columns, of the camera's axes x right, y up, z backwards.
 */
export type WorldFromCamera = ArrayLike<number>;

const EYES_M = 1.6;
/** How far a viewer is from a camera that looks at them: their hands are half way. */
const OPPOSITE_M = 0.9;
/** Radians, upright. */
const VIEW = 1.0;

/** The camera is the viewer's eye, as one worn on the head. */
export const CAMERA_IS_EYE: WorldFromCamera = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, EYES_M, 0, 1];
/** The camera looks at the viewer, as one over a screen does: hands are where viewers see their own. */
export const CAMERA_IS_OPPOSITE: WorldFromCamera = [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1, 0, 0, EYES_M, -OPPOSITE_M, 1];

const SIDES: readonly Side[] = ["left", "right"];
/** The joint before which OpenXR has the palm. */
const PALM = 0;

type Input = NonNullable<XRDevice["hands"]["left"]>;
type Pose = Input[typeof P_HAND_INPUT]["poses"]["default"];

/** An XR device that has a camera's hands. One a page. */
export class WebcamHands {
  /** iwer's device, for a page that wants more of it: where the viewer is, for instance. */
  readonly device: XRDevice;
  private readonly placer: JointPlacer;

  constructor(
    rig: Rig,
    /** Where the camera is. */
    private readonly worldFromCamera: WorldFromCamera = CAMERA_IS_EYE,
  ) {
    this.placer = new JointPlacer(rig);
    this.device = new XRDevice({
      name: "knuckle",
      controllerConfig: undefined,
      supportedSessionModes: ["inline", "immersive-vr", "immersive-ar"] as never[],
      supportedFeatures: ["viewer", "local", "local-floor", "bounded-floor", "unbounded", "hand-tracking", "dom-overlay"],
      supportedFrameRates: [60],
      isSystemKeyboardSupported: false,
      internalNominalFrameRate: 60,
      environmentBlendModes: { "immersive-vr": "opaque", "immersive-ar": "alpha-blend" } as never,
      interactionMode: "world-space" as never,
      userAgent: navigator.userAgent,
    }, { fovy: VIEW });
    this.device.primaryInputMode = "hand";
    for (const side of SIDES) {
      const input = this.inputOf(side);
      // iwer's two hands share one set of poses and blend towards a pinch: each gets its own, pinched or not.
      const pose = emptyPose();
      input[P_HAND_INPUT].poses = { default: pose, pinch: pose };
      input.setPinchValueImmediate(0);
      input.connected = false;
    }
  }

  /** Becomes `navigator.xr`, in place of the browser's own. Call it before the page looks for one. */
  install(): void {
    this.device.installRuntime({ forceInstall: true });
  }

  /** Gives `navigator.xr` back to the browser. */
  uninstall(): void {
    this.device.uninstallRuntime();
  }

  /** The hands from now on: of each side the one that is trusted most. A side that is not there is disconnected. */
  show(frame: Pick<HandFrame, "hands">): void {
    for (const side of SIDES) {
      let shown: Hand | null = null;
      for (const hand of frame.hands) {
        if (hand.side === side && (!shown || hand.confidence > shown.confidence)) shown = hand;
      }
      const input = this.inputOf(side);
      input.connected = shown !== null;
      if (shown) this.write(side, input, this.placer.place(shown));
    }
  }

  private write(side: Side, input: Input, placed: PlacedJoints): void {
    // Rays begin at the palm and go the fingers' way. iwer has all of a hand relative to them.
    const ray = matrix();
    writeMatrix(ray, this.worldFromCamera, placed, PALM);
    input.position.set(ray[12], ray[13], ray[14]);
    const [x, y, z, w] = quaternionOf(ray);
    input.quaternion.set(x, y, z, w);
    const rayFromWorld = inverse(ray);
    const rayFromCamera = product(rayFromWorld, this.worldFromCamera);
    const transforms = input[P_HAND_INPUT].poses.default.jointTransforms;
    WEBXR_JOINTS.forEach((name, index) => {
      const transform = transforms[name];
      transform.radius = placed.radii_m[index + 1];
      writeMatrix(transform.offsetMatrix, rayFromCamera, placed, index + 1);
      // What iwer will do to a right hand's matrices, so that it undoes it.
      if (side === "right") mirror(transform.offsetMatrix);
    });
  }

  private inputOf(side: Side): Input {
    return this.device.hands[side]!;
  }
}

type Matrix = Pose["jointTransforms"]["wrist"]["offsetMatrix"];

/** Joint `index` by way of a rigid motion of the camera's axes: 4 x 4, in columns. */
function writeMatrix(out: Matrix, motion: ArrayLike<number>, placed: PlacedJoints, index: number): void {
  const { rotations, positions_m } = placed;
  for (let row = 0; row < 3; row++) {
    let place = motion[12 + row];
    for (let k = 0; k < 3; k++) place += motion[4 * k + row] * positions_m[3 * index + k];
    out[12 + row] = place;
    for (let column = 0; column < 3; column++) {
      let sum = 0;
      for (let k = 0; k < 3; k++) sum += motion[4 * k + row] * rotations[9 * index + 3 * k + column];
      out[4 * column + row] = sum;
    }
  }
}

/** x is mirrored before and after. */
function mirror(out: Matrix): void {
  for (const entry of [1, 2, 4, 8, 12]) out[entry] = -out[entry];
}

/** Of a rigid motion. */
function inverse(motion: ArrayLike<number>): Matrix {
  const out = matrix();
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 3; column++) out[4 * column + row] = motion[4 * row + column];
    let place = 0;
    for (let k = 0; k < 3; k++) place -= motion[4 * row + k] * motion[12 + k];
    out[12 + row] = place;
  }
  return out;
}

/** b, then a. */
function product(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  const out = new Float64Array(16);
  for (let column = 0; column < 4; column++) {
    for (let row = 0; row < 4; row++) {
      for (let k = 0; k < 4; k++) out[4 * column + row] += a[4 * k + row] * b[4 * column + k];
    }
  }
  return out;
}

/** x, y, z, w of a rotation, built from the largest of the four (Shepperd 1978). */
function quaternionOf(m: ArrayLike<number>): [number, number, number, number] {
  const squares = [
    1 + m[0] - m[5] - m[10],
    1 - m[0] + m[5] - m[10],
    1 - m[0] - m[5] + m[10],
    1 + m[0] + m[5] + m[10],
  ];
  const largest = squares.indexOf(Math.max(...squares));
  const sums: [number, number, number, number][] = [
    [squares[0], m[1] + m[4], m[8] + m[2], m[6] - m[9]],
    [m[1] + m[4], squares[1], m[6] + m[9], m[8] - m[2]],
    [m[8] + m[2], m[6] + m[9], squares[2], m[1] - m[4]],
    [m[6] - m[9], m[8] - m[2], m[1] - m[4], squares[3]],
  ];
  const [x, y, z, w] = sums[largest];
  const size = Math.hypot(x, y, z, w);
  return [x / size, y / size, z / size, w / size];
}

function matrix(): Matrix {
  return Float32Array.from([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]) as unknown as Matrix;
}

function emptyPose(): Pose {
  const joints = WEBXR_JOINTS.map((name) => [name, { offsetMatrix: matrix(), radius: 0.01 }]);
  // Things that are held are where the ray begins, at the palm.
  return { jointTransforms: Object.fromEntries(joints), gripOffsetMatrix: matrix() };
}
