/**
 * The One-Euro filter of a whole hand: rotations, shape and place, each with its own cut-offs (Python:
 * `knuckle.live.pose_filter`, which has the reasons).
 */
import type { HandRig } from "../hand/rig";
import { axisAngleToQuaternion, quaternionToAxisAngle } from "../hand/rotations";
import { JOINT_COUNT, MIDDLE_MCP, ROTATION_COUNT, ROTATION_JOINTS } from "../hand/skeleton";
import { type HandPose, NEAREST_M, placeJoints } from "./hand_pose";
import { type Cutoffs, OneEuro, RotationOneEuro, SlowMean } from "./one_euro";

/** Of the direction; speed is metres a second at the hand's distance. */
const ACROSS: Cutoffs = { rest_hz: 2, beta: 60, speed_hz: 15, trend: 1 };
/** Of the distance; speed is metres a second. */
const ALONG: Cutoffs = { rest_hz: 0.6, beta: 4.2, speed_hz: 1.1, trend: 0.7 };
/** Of the hand's own rotation; rad/s. */
const WRIST: Cutoffs = { rest_hz: 0.8, beta: 2.9, speed_hz: 0.7, trend: 0.6 };
/** Of the fingers' joints, relative to their parents; rad/s. */
const FINGERS: Cutoffs = { rest_hz: 1.2, beta: 1.6, speed_hz: 2.2, trend: 0.8 };
/** Of the shape, once so much time has passed; until then it is the mean of what was seen. */
const SHAPE_HZ = 0.2;

/** From the wrist to the middle of the palm of the mean hand, in the hand's own axes, metres. */
export function palmMiddleOf(rig: HandRig): Float64Array {
  const rest = rig.data.jointRest;
  const middle = 3 * ROTATION_JOINTS.indexOf(MIDDLE_MCP);
  return Float64Array.from([0, 1, 2], (c) => (rest[middle + c] - rest[c]) / 2);
}

/** A filter of one hand's poses, one after the other; after longer than `restart_s` without one it starts anew. */
export class PoseFilter {
  private readonly across: OneEuro;
  private readonly along: OneEuro;
  private readonly rotations: RotationOneEuro;
  private readonly shape = new SlowMean(10, SHAPE_HZ);
  private readonly joints = new Float64Array(3 * JOINT_COUNT);
  private readonly quaternions = new Float64Array(4 * ROTATION_COUNT);

  /** rig: of the hand's side. */
  constructor(
    private readonly rig: HandRig,
    restart_s: number,
  ) {
    this.across = new OneEuro(2, ACROSS, restart_s);
    this.along = new OneEuro(1, ALONG, restart_s);
    this.rotations = new RotationOneEuro([WRIST, ...Array<Cutoffs>(15).fill(FINGERS)], restart_s);
  }

  /** Forget the hand. */
  reset(): void {
    for (const part of [this.across, this.along, this.rotations, this.shape]) part.reset();
  }

  /** The filtered pose at that time. Throws an `Error` for a time before the last. */
  push(time_s: number, pose: HandPose): HandPose {
    const [x, y, distance] = this.middleOf(pose);
    if (distance < NEAREST_M) return pose;
    const shape = this.shape.push(time_s, pose.shape).slice();
    const length = this.rig.palmLength(shape);
    const ownLength = this.rig.palmLength(pose.shape);
    const ray = this.across.push(time_s, [x / distance, y / distance], distance);
    const [lengths] = this.along.push(time_s, [Math.log(distance / ownLength)], distance);
    const { quaternions } = this;
    for (let n = 0; n < ROTATION_COUNT; n++) axisAngleToQuaternion(pose.pose_rad, 3 * n, quaternions, 4 * n);
    const turned = this.rotations.push(time_s, quaternions);
    const pose_rad = new Float64Array(3 * ROTATION_COUNT);
    for (let n = 0; n < ROTATION_COUNT; n++) quaternionToAxisAngle(turned, 4 * n, pose_rad, 3 * n);
    const fromWrist = this.middleOf({ root_m: new Float64Array(3), pose_rad, shape });
    const depth = Math.exp(lengths) * length;
    const root_m = Float64Array.from([ray[0] * depth, ray[1] * depth, depth], (value, c) => value - fromWrist[c]);
    return { root_m, pose_rad, shape };
  }

  /** How fast the direction (x / z, y / z) and the logarithm of the distance change, a second; 0 before two poses. */
  get velocity(): [number, number, number] {
    return [this.across.speed[0], this.across.speed[1], this.along.speed[0]];
  }

  /** The middle of a pose's joints. */
  private middleOf(pose: HandPose): [number, number, number] {
    placeJoints(this.rig, pose, this.joints);
    const middle: [number, number, number] = [0, 0, 0];
    for (let n = 0; n < this.joints.length; n++) middle[n % 3] += this.joints[n];
    return middle.map((sum) => sum / JOINT_COUNT) as [number, number, number];
  }
}
