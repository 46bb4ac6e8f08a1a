/**
 * The gate of a track: frames of little confidence take the pose of the last confident one, then a filter runs (DaHyF,
 * sections 1 and 3.4; Python: `knuckle.live.gate`).
 */
import type { State } from "../hand/frame";
import type { HandRig } from "../hand/rig";
import { between, type HandPose, reachM, seenAt } from "./hand_pose";
import { palmMiddleOf, PoseFilter } from "./pose_filter";

/** The threshold for calibrated confidences: a track is known to be of a hand, so more is asked of its frames. */
export const SURE = 0.8;
/** For how long a pose is kept at most. After that a frame's own pose is given as doubtful, or the hand is lost. */
const HOLD_S = 0.5;
/** Over what time a hand that is back is blended in, at most as long as it was held. */
const BLEND_S = 0.1;
/** While held, the hand goes on as it moved in the picture, slowing down with this time constant. */
const COAST_S = 0.1;

/** What the gate gives for a frame. */
export interface Gated {
  /** null: the hand is lost. */
  pose: HandPose | null;
  /** "doubtful": the frame's own pose, blended in after a held one or given although its confidence is low. */
  state: State | null;
}

/** The gate and the filter of one track. */
export class Gate {
  private readonly palmMiddle: Float64Array;
  private readonly filter: PoseFilter;
  private time_s: number | null = null;
  /** When the last confident frame was, and the last with a pose at all. */
  private sure_s: number | null = null;
  private seen_s: number | null = null;
  /** What passed the gate last, before the filter. */
  private given: HandPose | null = null;
  /** The held pose, while held and while another is blended in. */
  private kept: HandPose | null = null;
  /** Of the hand when holding began, and when it had it. */
  private velocity: [number, number, number] = [0, 0, 0];
  private still_s: number | null = null;
  /** When blending began: the last frame in which the hand was held; and how long it takes. */
  private back_s: number | null = null;
  private blendFor_s = 0;

  /** rig: of the hand's side; filtered: whether to filter what has passed. */
  constructor(
    rig: HandRig,
    private readonly filtered: boolean,
  ) {
    this.palmMiddle = palmMiddleOf(rig);
    this.filter = new PoseFilter(rig, HOLD_S);
  }

  /** Forget the hand. */
  reset(): void {
    this.filter.reset();
    this.time_s = this.sure_s = this.seen_s = this.still_s = this.back_s = null;
    this.given = this.kept = null;
    this.velocity = [0, 0, 0];
    this.blendFor_s = 0;
  }

  /**
   * The next frame: what was seen (null: nothing), with which confidence, and from which on it is believed. Throws an
   * `Error` for a time before that of the last frame.
   */
  push(time_s: number, pose: HandPose | null, confidence: number, threshold: number): Gated {
    if (this.time_s !== null && time_s < this.time_s) {
      throw new Error(`time_s: expected times that run forward, got ${time_s} after ${this.time_s}`);
    }
    const gated = this.choose(time_s, pose, confidence >= threshold);
    this.time_s = time_s;
    this.given = gated.pose;
    if (gated.pose === null) {
      this.reset();
      return gated;
    }
    // Filtered in any case: a held hand goes on at the speed that the filter knows.
    const smooth = this.filter.push(time_s, gated.pose);
    return this.filtered ? { pose: smooth, state: gated.state } : gated;
  }

  private choose(time_s: number, pose: HandPose | null, sure: boolean): Gated {
    const since = pose !== null ? this.sure_s : this.seen_s;
    if (!sure && since !== null && this.given !== null && time_s - since <= HOLD_S) {
      if (this.kept === null) {
        this.velocity = this.filter.velocity;
        this.still_s = this.time_s;
      }
      let followed: HandPose | null = null;
      // Pose and distance are kept, but it is seen where its frame shows it.
      if (pose !== null && this.time_s !== null) {
        followed = seenAt(this.given, pose, this.palmMiddle, reachM(time_s - this.time_s));
      }
      this.kept = followed ?? this.coasted(time_s, this.given);
      this.back_s = null;
      return { pose: this.kept, state: "held" };
    }
    if (pose === null) return { pose: null, state: null };
    this.seen_s = time_s;
    const given = this.blended(time_s, pose);
    if (sure) this.sure_s = time_s;
    return { pose: given, state: sure && this.kept === null ? "observed" : "doubtful" };
  }

  /** A held pose, gone on since the last frame. */
  private coasted(time_s: number, pose: HandPose): HandPose {
    if (this.time_s === null || this.still_s === null) return pose;
    const before = Math.exp(-(this.time_s - this.still_s) / COAST_S);
    const now = Math.exp(-(time_s - this.still_s) / COAST_S);
    const travelled_s = COAST_S * (before - now);
    const [x, y, z] = pose.root_m;
    const root_m = Float64Array.of(
      (x / z + this.velocity[0] * travelled_s) * z,
      (y / z + this.velocity[1] * travelled_s) * z,
      z,
    );
    return { ...pose, root_m };
  }

  /** A frame's own pose, mixed with the held one where the hand has just come back. */
  private blended(time_s: number, pose: HandPose): HandPose {
    if (this.kept === null) return pose;
    if (this.back_s === null) {
      this.back_s = this.time_s ?? time_s;
      this.blendFor_s = Math.min(BLEND_S, this.back_s - (this.still_s ?? this.back_s));
    }
    const share = (time_s - this.back_s) / Math.max(this.blendFor_s, 1e-9);
    if (share >= 1 - 1e-6) {
      this.kept = this.back_s = null;
      return pose;
    }
    const mixed = between(this.kept, pose, share);
    return seenAt(mixed, pose, this.palmMiddle, Infinity) ?? mixed;
  }
}
