/** DaHyF: a picture, a box, a side and a camera in; its answer, and the hand that the rig is fitted to, out. */
import type { FitStart } from "../hand/fit_start";
import type { Side } from "../hand/frame";
import type { Rig } from "../hand/rig";
import { handRoll } from "../hand/roll";
import { wrapped } from "../hand/rotations";
import { mirrorColumn, patchFromFrame, type Square } from "./affine";
import { cropExactly } from "./crops";
import { type Evidence, mirroredEvidence } from "./evidence";
import { type Files, openNetwork, PATHS } from "./files";
import { clip, type Lens, mirroredM, mirroredPose, mirroredPx } from "./joints";
import { flipped, normalised, type Picture } from "./picture";
import { type Answer, fuse, type Fused, unfittedJoints } from "./refine";
import type { Network, Runtime } from "./runtime";
import { type EvidenceTable, Trust } from "./trust";

/** An upright crop that is off by more, by the network's own joints, is looked at again. */
const TURNED_WRONG_RAD = (15 * Math.PI) / 180;
/** Crops that the network is shown at once. */
const BATCH = 16;
const INPUTS = ["patch", "crop", "camera", "roll"] as const;
const OUTPUTS = ["joints_px", "joints_m", "joints_patch", "confidence", "rotations", "shape"] as const;

/** A hand that the network is to look at. */
export interface Boxed {
  /** x, y, w, h px. */
  box_px: Float64Array;
  side: Side;
  /** How far it is turned from fingers-up, clockwise in the picture, radians. */
  turn_rad: number;
}

/** Joints of a hand in the picture as it is, before the fit and without evidence. */
export interface OwnJoints {
  px: Float64Array;
  m: Float64Array;
  confidence: number;
  /** How far the network's branches lie apart, px. */
  branches_px: Float64Array;
}

export class OneHandNetwork {
  private constructor(
    private readonly network: Network,
    private readonly rig: Rig,
    private readonly trust: Trust,
    /** The record's name, by which figures are looked up. */
    readonly name: string,
    /** Side of the square patch, px. */
    private readonly size: number,
    /** Crop side over the longer side of the box. */
    private readonly expand: number,
  ) {}

  /** Throws an Error when the network's file is missing, damaged or of another version, or evidence.json is damaged. */
  static async open(runtime: Runtime, files: Files, rig: Rig, table: EvidenceTable): Promise<OneHandNetwork> {
    // Of another system as of this one: what is missing is said before the network comes.
    new Trust(table, "standard");
    const { network, record } = await openNetwork(runtime, files, PATHS.estimator, { inputs: INPUTS, outputs: OUTPUTS });
    if (!(Number(record.size) > 0 && Number(record.expand) > 0)) {
      throw new Error(`${PATHS.estimator}.json: expected the record of a one-hand system, with size and expand`);
    }
    const trust = new Trust(table, record.name);
    return new OneHandNetwork(network, rig, trust, record.name, Number(record.size), Number(record.expand));
  }

  /** Its answers to hands, each as a right one. quickly: crops are cut from the picture's halves, as of a video. */
  async ask(picture: Picture, camera: Lens, hands: readonly Boxed[], quickly: boolean): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (let start = 0; start < hands.length; start += BATCH) {
      answers.push(...(await this.askSome(picture, camera, hands.slice(start, start + BATCH), quickly)));
    }
    return answers;
  }

  /** The same, and a second time about hands that its own joints show to be turned otherwise. */
  async askTwice(picture: Picture, camera: Lens, hands: readonly Boxed[]): Promise<Answer[]> {
    const answers = await this.ask(picture, camera, hands, false);
    const wrong: { number: number; hand: Boxed }[] = [];
    answers.forEach(({ joints_px, framed }, number) => {
      const own = handRoll(joints_px);
      if (Math.abs(wrapped(own - framed.turn_rad)) <= TURNED_WRONG_RAD) return;
      wrong.push({ number, hand: { ...hands[number], turn_rad: hands[number].side === "left" ? -own : own } });
    });
    const second = await this.ask(picture, camera, wrong.map(({ hand }) => hand), false);
    wrong.forEach(({ number }, i) => (answers[number] = second[i]));
    return answers;
  }

  private async askSome(picture: Picture, camera: Lens, hands: readonly Boxed[], quickly: boolean): Promise<Answer[]> {
    const count = hands.length;
    const aspect = camera.fy / camera.fx;
    const squares = hands.map(
      ({ box_px: [x, y, w, h], turn_rad }): Square => ({
        u: x + w / 2,
        v: y + h / 2,
        side_px: this.expand * Math.max(w, h),
        turn_rad,
      }),
    );
    const patches = hands.map(({ side }, i) => {
      const patch = quickly
        ? picture.warpQuickly(patchFromFrame(squares[i], this.size, aspect), this.size)
        : cropExactly(picture, squares[i], this.size, aspect);
      return side === "left" ? flipped(patch) : patch;
    });
    const framed = hands.map(({ side }, i) => {
      const { u, v, side_px, turn_rad } = squares[i];
      if (side === "right") return { u, v, side_px, turn_rad, lens: camera };
      const lens = { ...camera, cx: mirrorColumn(camera.cx, picture.width) };
      return { u: mirrorColumn(u, picture.width), v, side_px, turn_rad: -turn_rad, lens };
    });
    const told = await this.network.run({
      patch: { data: normalised(patches), dims: [count, 3, this.size, this.size] },
      crop: { data: Float32Array.from(framed.flatMap(({ u, v, side_px }) => [u, v, side_px])), dims: [count, 3] },
      camera: {
        data: Float32Array.from(framed.flatMap(({ lens }) => [lens.fx, lens.fy, lens.cx, lens.cy])),
        dims: [count, 4],
      },
      roll: { data: Float32Array.from(framed.map(({ turn_rad }) => turn_rad)), dims: [count] },
    });
    return framed.map((each, i) => {
      const of = (name: (typeof OUTPUTS)[number]) => {
        const length = told[name].length / count;
        return Float64Array.from(told[name].subarray(length * i, length * (i + 1)));
      };
      return {
        framed: each,
        joints_px: of("joints_px"),
        joints_m: of("joints_m"),
        joints_patch: of("joints_patch"),
        branches_px: null,
        confidence: told.confidence[i],
        rotations: of("rotations"),
        shape: of("shape"),
      };
    });
  }

  /** The joints of an answer, in the picture as it is, before the fit and without evidence. */
  joints(answer: Answer, side: Side, width: number): OwnJoints {
    const { px, m, branches_px } = unfittedJoints(answer, this.size);
    const left = side === "left";
    return {
      px: left ? mirroredPx(px, width) : px,
      m: left ? mirroredM(m) : m,
      confidence: clip(answer.confidence, 0, 1),
      branches_px,
    };
  }

  /** Joints that are known, before the fit, as the network's answer. */
  given(joints: OwnJoints, side: Side, camera: Lens, width: number): Answer {
    const left = side === "left";
    const lens = left ? { ...camera, cx: mirrorColumn(camera.cx, width) } : camera;
    return {
      framed: { u: 0, v: 0, side_px: 0, turn_rad: 0, lens },
      joints_px: left ? mirroredPx(joints.px, width) : joints.px,
      joints_m: left ? mirroredM(joints.m) : joints.m,
      joints_patch: null,
      branches_px: joints.branches_px,
      confidence: joints.confidence,
      rotations: null,
      shape: null,
    };
  }

  /**
   * The hand of an answer, together with evidence of it, in the picture as it is.
   *
   * evidence: in the picture as it is; null where it does not count. start: what the hand was like in the frame before.
   */
  fit(answer: Answer, side: Side, width: number, evidence: Evidence | null, start: FitStart | null): Fused {
    if (side === "right") return fuse(answer, this.size, this.rig, this.trust, evidence, start);
    const shown = evidence && mirroredEvidence(evidence, width);
    const began = start && { pose_rad: mirroredPose(start.pose_rad), shape: start.shape };
    const hand = fuse(answer, this.size, this.rig, this.trust, shown, began);
    return {
      ...hand,
      joints_px: mirroredPx(hand.joints_px, width),
      joints_m: mirroredM(hand.joints_m),
      pose_rad: mirroredPose(hand.pose_rad),
    };
  }
}
