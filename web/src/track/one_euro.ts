/**
 * The One-Euro filter with true timestamps, of vectors and of rotations (Casiez et al. 2012; Python:
 * `knuckle.live.one_euro`): a low-pass whose cut-off rises with speed.
 *
 * `trend` is not in the paper: before a new value is mixed in, the old one goes on by that share of its own filtered
 * speed, which takes away what a low-pass trails.
 */
import { axisAngleToQuaternion, multiplyQuaternions, quaternionToAxisAngle } from "../hand/rotations";

/** Settings of a filter. */
export interface Cutoffs {
  /** Cut-off at rest: lower is steadier. */
  rest_hz: number;
  /** By how many Hz the cut-off rises with a unit of speed: higher is less late. */
  beta: number;
  /** Cut-off of the speed itself. */
  speed_hz: number;
  /** Share of the filtered speed by which the old value goes on, 0 to 1. */
  trend: number;
}

/** Of a new value in the filtered one, step_s after the last. */
export function shareOfNew(step_s: number, cutoff_hz: number): number {
  const turn = 2 * Math.PI * step_s * cutoff_hz;
  return turn / (1 + turn);
}

/** A filter of values one after the other: when there is one to mix in, when it starts anew. */
abstract class Filter {
  protected readonly value: Float64Array;
  protected readonly given: Float64Array;
  private time_s: number | null = null;

  constructor(
    size: number,
    private readonly restart_s: number,
  ) {
    this.value = new Float64Array(size);
    this.given = new Float64Array(size);
  }

  /** Forget all values. */
  reset(): void {
    this.time_s = null;
  }

  /**
   * The filtered value at that time, which the next call overwrites. unit: what one of the value's unit counts in speed.
   *
   * The time of the last value gives the last answer again; one before it throws an `Error`.
   */
  push(time_s: number, value: ArrayLike<number>, unit = 1): Float64Array {
    const last = this.time_s;
    if (last !== null && time_s < last) {
      throw new Error(`time_s: expected times that run forward, got ${time_s} after ${last}`);
    }
    if (time_s === last) return this.value;
    if (last === null || time_s - last > this.restart_s) {
      this.value.set(value);
      this.begin();
    } else {
      this.mix(value, time_s - last, unit);
    }
    this.time_s = time_s;
    this.given.set(value);
    return this.value;
  }

  protected abstract begin(): void;
  protected abstract mix(value: ArrayLike<number>, step_s: number, unit: number): void;
}

/** The filter of one vector, all its components alike. */
export class OneEuro extends Filter {
  /** Filtered rate, in the value's unit a second; 0 at first. */
  readonly speed: Float64Array;

  constructor(
    size: number,
    private readonly cutoffs: Cutoffs,
    restart_s: number,
  ) {
    super(size, restart_s);
    this.speed = new Float64Array(size);
  }

  override reset(): void {
    super.reset();
    this.speed.fill(0);
  }

  protected override begin(): void {
    this.speed.fill(0);
  }

  protected override mix(value: ArrayLike<number>, step_s: number, unit: number): void {
    const { cutoffs, speed, given } = this;
    const shareOfSpeed = shareOfNew(step_s, cutoffs.speed_hz);
    let squared = 0;
    for (let n = 0; n < speed.length; n++) {
      speed[n] += shareOfSpeed * ((value[n] - given[n]) / step_s - speed[n]);
      squared += speed[n] * speed[n];
    }
    const share = shareOfNew(step_s, cutoffs.rest_hz + cutoffs.beta * Math.sqrt(squared) * unit);
    for (let n = 0; n < speed.length; n++) {
      const before = this.value[n] + cutoffs.trend * step_s * speed[n];
      this.value[n] = before + share * (value[n] - before);
    }
  }
}

/** A low-pass that begins as the mean of all values. */
export class SlowMean extends Filter {
  private count = 1;

  constructor(
    size: number,
    private readonly rest_hz: number,
  ) {
    super(size, Infinity);
  }

  override reset(): void {
    super.reset();
    this.count = 1;
  }

  protected override begin(): void {}

  protected override mix(value: ArrayLike<number>, step_s: number): void {
    this.count++;
    const share = Math.max(1 / this.count, shareOfNew(step_s, this.rest_hz));
    for (let n = 0; n < this.value.length; n++) this.value[n] += share * (value[n] - this.value[n]);
  }
}

/** The filter of several rotations, as unit quaternions, along the shortest turns; speeds are rad/s. */
export class RotationOneEuro extends Filter {
  private readonly speed: Float64Array;
  private readonly quaternion = new Float64Array(4);
  private readonly turn = new Float64Array(3);

  /** cutoffs: one a rotation. */
  constructor(
    private readonly cutoffs: readonly Cutoffs[],
    restart_s: number,
  ) {
    super(4 * cutoffs.length, restart_s);
    this.speed = new Float64Array(3 * cutoffs.length);
  }

  override reset(): void {
    super.reset();
    this.speed.fill(0);
  }

  protected override begin(): void {
    this.speed.fill(0);
  }

  protected override mix(value: ArrayLike<number>, step_s: number): void {
    const { turn, speed } = this;
    for (let n = 0; n < this.cutoffs.length; n++) {
      const cutoffs = this.cutoffs[n];
      this.setTurn(this.given, value, n);
      const shareOfSpeed = shareOfNew(step_s, cutoffs.speed_hz);
      let squared = 0;
      for (let c = 0; c < 3; c++) {
        const own = speed[3 * n + c] + shareOfSpeed * (turn[c] / step_s - speed[3 * n + c]);
        speed[3 * n + c] = own;
        squared += own * own;
      }
      const share = shareOfNew(step_s, cutoffs.rest_hz + cutoffs.beta * Math.sqrt(squared));
      for (let c = 0; c < 3; c++) turn[c] = cutoffs.trend * step_s * speed[3 * n + c];
      this.turnOn(n);
      this.setTurn(this.value, value, n);
      for (let c = 0; c < 3; c++) turn[c] *= share;
      this.turnOn(n);
    }
  }

  /** `turn` becomes what leads from one rotation to the other. */
  private setTurn(from: Float64Array, to: ArrayLike<number>, n: number): void {
    multiplyQuaternions(from, 4 * n, to, 4 * n, this.quaternion, 0, true);
    quaternionToAxisAngle(this.quaternion, 0, this.turn, 0);
  }

  /** The filtered value turned on by `turn`. */
  private turnOn(n: number): void {
    const { value } = this;
    axisAngleToQuaternion(this.turn, 0, this.quaternion, 0);
    multiplyQuaternions(value, 4 * n, this.quaternion, 0, value, 4 * n);
    // Rounding would add up over hours.
    const length = Math.hypot(value[4 * n], value[4 * n + 1], value[4 * n + 2], value[4 * n + 3]);
    for (let c = 0; c < 4; c++) value[4 * n + c] /= length;
  }
}
