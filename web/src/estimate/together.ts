/**
 * Hands near each other by the two-hand and the one-hand network together (Python: `AutoPredictor` of
 * `knuckle.inference.auto`). Each hand has one answer: a lone one, or one that the two-hand network rather does not see,
 * is the one-hand network's.
 */
import type { FitStart } from "../hand/fit_start";
import type { Camera, Side } from "../hand/frame";
import type { Rig } from "../hand/rig";
import { type Evidence, isFound } from "./evidence";
import { type MergeOdds, mergeOdds, type MergedHand, mergePair, type PairBoxes, type PairJoints } from "./merge";
import type { OwnJoints } from "./one_hand";
import { fitHandOfPair, TWO_HANDS } from "./pair_fit";
import { type Pair, windowOf } from "./pairing";
import type { Picture } from "./picture";
import type { Fused } from "./refine";
import { type EvidenceTable, Trust } from "./trust";
import type { TwoHandNetwork } from "./two_hands";

/** From this confidence on a hand counts as seen by the two-hand network. */
const LIKELY = 0.5;
/** From this share on a network is named alone. */
const ALONE = 0.9;

/** A hand that was seen together with another one, before the fit. */
export interface TogetherHand {
  joints: OwnJoints;
  /** Whose it is: one network's name, or both joined by "+". */
  system: string;
  /** Whether the landmark network's answers count: it saw a hand of some pair. */
  told: boolean;
}

export class Together {
  private readonly odds: MergeOdds;
  private readonly trust: Trust;

  /** one: the one-hand network's name. Throws an Error where evidence.json has no figures of pairs. */
  constructor(
    private readonly network: TwoHandNetwork,
    private readonly one: string,
    private readonly rig: Rig,
    table: EvidenceTable,
  ) {
    this.odds = mergeOdds(table, `${network.name}+${one}`);
    this.trust = new Trust(table, TWO_HANDS);
  }

  /**
   * Hands that are not simply the one-hand network's, by their numbers.
   *
   * boxes_px: x, y, w, h. pairs: which of them are seen together, at least one. own: the one-hand network's joints of
   * each hand, before the fit.
   */
  async ask(
    picture: Picture,
    camera: Camera,
    boxes_px: readonly Float64Array[],
    pairs: readonly Pair[],
    own: readonly OwnJoints[],
    evidence: readonly Evidence[],
  ): Promise<Map<number, TogetherHand>> {
    const hands = new Map<number, TogetherHand>();
    const asked = pairs.map(([right, left]) => ({
      boxes_px: [boxes_px[right], boxes_px[left]] as const,
      window: windowOf(boxes_px[right], boxes_px[left]),
    }));
    const answers = await this.network.ask(picture, camera, asked);
    const told = pairs.flat().some((number) => isFound(evidence[number]));
    pairs.forEach((pair, i) => {
      this.merged(pair, answers[i], own, asked[i].boxes_px, camera).forEach(({ joints, share, changed }, hand) => {
        if (changed) hands.set(pair[hand], { joints, system: this.named(share), told });
      });
    });
    // None of them is seen: what it says of places is worth nothing either.
    return answers.some((answer) => believed(answer).some(Boolean)) ? hands : new Map<number, TogetherHand>();
  }

  private merged(pair: Pair, two: PairJoints, own: readonly OwnJoints[], boxes_px: PairBoxes, camera: Camera): MergedHand[] {
    const one: PairJoints = [own[pair[0]], own[pair[1]]];
    return mergePair(two, one, boxes_px, camera, believed(two), this.odds);
  }

  /** The rig fitted to it. start: what the hand was like in the frame before. */
  fit({ joints, told }: TogetherHand, side: Side, camera: Camera, evidence: Evidence, start: FitStart | null): Fused {
    return fitHandOfPair(this.rig, this.trust, joints, side, camera, told ? evidence : null, start);
  }

  /** Whose a hand is of which the two-hand network has that share. */
  private named(share: number): string {
    if (share >= ALONE) return this.network.name;
    return share <= 1 - ALONE ? this.one : `${this.network.name}+${this.one}`;
  }
}

const believed = ([right, left]: PairJoints): [boolean, boolean] => [right.confidence >= LIKELY, left.confidence >= LIKELY];
