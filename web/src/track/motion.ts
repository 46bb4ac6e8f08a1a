/**
 * Where a hand will be in the next frame: its place, size and turn in the picture go on as they went (Python:
 * `knuckle.live.motion`).
 */
import { handRoll } from "../hand/roll";
import { wrapped } from "../hand/rotations";
import { JOINT_COUNT } from "../hand/skeleton";
import { middleOf } from "./points";

/** Time constant of the velocity: of frames 33 ms apart, the last step counts four fifths. */
const FOLLOWS_S = 0.02;
/** So long a hand goes on as it went; one that is not seen in that time goes on ever slower. */
const STEADY_S = 0.04;
const FADES_S = 0.05;
/** Of the size's logarithm and of the turn, per second; what is faster was a mistake. */
const FASTEST_GROWTH = 6;
const LEAST_PX = 1;

/** A hand's last joints, and how its place (px/s), the logarithm of its size and its turn (1/s) change. */
export class Motion {
  constructor(
    /** 21 x 2. */
    readonly joints_px: Float64Array,
    readonly time_s: number,
    /** Place, size, turn. */
    readonly velocity: readonly [number, number, number, number] = [0, 0, 0, 0],
  ) {}

  /** The motion once the hand was seen again, at a later time. */
  seen(joints_px: Float64Array, time_s: number): Motion {
    const elapsed_s = Math.max(time_s - this.time_s, 1e-3);
    const share = 1 - Math.exp(-elapsed_s / FOLLOWS_S);
    const before = stateOf(this.joints_px);
    const after = stateOf(joints_px);
    const velocity = this.velocity.map((speed, n) => {
      const step = after[n] - before[n];
      let measured = (n === 3 ? wrapped(step) : step) / elapsed_s;
      if (n >= 2) measured = Math.min(Math.max(measured, -FASTEST_GROWTH), FASTEST_GROWTH);
      return speed + share * (measured - speed);
    }) as [number, number, number, number];
    return new Motion(joints_px, time_s, velocity);
  }

  /**
   * Joints at a later time: the last ones moved, grown and turned; onlyMoved: as large and turned as they were. What a hand
   * did in the frame before it was lost is often a mistake already.
   */
  predicted(time_s: number, onlyMoved = false): Float64Array {
    const elapsed_s = Math.max(time_s - this.time_s, 0);
    const late_s = Math.max(elapsed_s - STEADY_S, 0);
    const going_s = Math.min(elapsed_s, STEADY_S) + FADES_S * (1 - Math.exp(-late_s / FADES_S));
    const [du, dv, ...others] = this.velocity.map((speed) => speed * going_s);
    const [growth, turn] = onlyMoved ? [0, 0] : others;
    const [u, v] = middleOf(this.joints_px);
    const larger = Math.exp(growth);
    const cos = larger * Math.cos(turn);
    const sin = larger * Math.sin(turn);
    const joints = new Float64Array(2 * JOINT_COUNT);
    for (let n = 0; n < joints.length; n += 2) {
      const x = this.joints_px[n] - u;
      const y = this.joints_px[n + 1] - v;
      joints[n] = cos * x - sin * y + u + du;
      joints[n + 1] = sin * x + cos * y + v + dv;
    }
    return joints;
  }
}

/** Middle, logarithm of the size, turn. */
function stateOf(joints_px: Float64Array): [number, number, number, number] {
  const [u, v] = middleOf(joints_px);
  let squares = 0;
  for (let n = 0; n < joints_px.length; n += 2) squares += (joints_px[n] - u) ** 2 + (joints_px[n + 1] - v) ** 2;
  const size = Math.max(Math.sqrt(squares / JOINT_COUNT), LEAST_PX);
  return [u, v, Math.log(size), handRoll(joints_px)];
}
