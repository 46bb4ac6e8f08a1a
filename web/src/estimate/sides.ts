/**
 * Which side each hand that was found is of (Python: `knuckle.inference.sides`, where the odds of sides.json were
 * learnt): one look, where that leaves doubt one more at the mirror image, and then both readings by the one-hand system.
 */
import { withPartners } from "../track/odds";
import { assumedCamera } from "../track/tracker";
import { applied, inverse, jointsToSquare, patchFromFrame } from "./affine";
import { longerSide } from "./boxes";
import { type Evidence, evidenceOf, isFound } from "./evidence";
import { distances, isFinite, logit, mean, mirroredM, mirroredPx, numbersWhere, palmLength } from "./joints";
import { LANDMARK_PX, type LandmarkNetwork } from "./landmarks";
import type { OneHandNetwork } from "./one_hand";
import { flipped, type Picture } from "./picture";
import type { Fused } from "./refine";
import { within } from "./trust";

const LOOKS = ["looks", "detector"] as const;
const READ = [...LOOKS, "confidence", "branches", "apart", "apart 3D", "residual"] as const;
const FIRST = ["look", "detector"] as const;
const FIRST_QUALITY = ["size", "presence"] as const;
const LOOKS_QUALITY = [...FIRST_QUALITY, "looks alike"] as const;
const QUALITY = [...LOOKS_QUALITY, "confidence", "branches"] as const;
/** A hand is looked at mirrored where its less likely side has at least this probability after one look, ... */
const DOUBT = 0.015;
/** ... and read both ways where it has at least this after both. */
const DOUBT_AFTER_LOOKS = 0.017;

interface OddsEntry {
  slopes: Record<string, number>;
  "quality slopes": Record<string, number>;
  "quality range": Record<string, [number, number]>;
  constant: number;
}

/** sides.json. */
export interface SideTable {
  first: OddsEntry;
  looks: OddsEntry;
  read: OddsEntry;
  /** Logarithm of the odds that two near hands are of two sides. */
  pair: number;
}

/** The table as it was read. Throws an Error where parts of it are missing. */
export function checkedSides(table: SideTable): SideTable {
  for (const part of ["first", "looks", "read"] as const) {
    if (!Number.isFinite(table[part]?.constant)) {
      throw new Error(`sides.json: expected odds of a hand's side, "${part}" is missing`);
    }
  }
  if (!Number.isFinite(table.pair)) throw new Error('sides.json: expected odds of a hand\'s side, "pair" is missing');
  return table;
}

/** A hand that was found. */
export interface Sided {
  box_px: Float64Array;
  evidence: Evidence;
  /** 0 to 1, that the proposal network took it for a right hand. */
  placeRight: number;
}

export class Sides {
  constructor(
    private readonly table: SideTable,
    private readonly landmarks: LandmarkNetwork,
    private readonly reader: OneHandNetwork,
  ) {}

  /** Logits of right hands. */
  async decide(picture: Picture, hands: readonly Sided[]): Promise<number[]> {
    const joints = hands.map(({ evidence }) => evidence.joints_px);
    const odds = hands.map(({ box_px, evidence, placeRight }) =>
      oddsOf(this.table.first, FIRST, FIRST_QUALITY, [logit(evidence.right), logit(placeRight)], [
        Math.log(sideOf(box_px) / 100),
        logit(evidence.presence),
      ]),
    );
    const all = () => withPartners(odds, joints, this.table.pair);
    const doubted = numbersWhere(
      all().map((value, i) => isInDoubt(value, DOUBT) && isFinite(hands[i].evidence.joints_px)),
    );
    const mirrored = await this.lookMirrored(picture, doubted.map((i) => hands[i].evidence));
    const looks = new Map(doubted.map((i, n) => [i, [hands[i].evidence, mirrored[n]] as const]));
    for (const i of doubted) odds[i] = this.toldByLooks(looks.get(i)!, hands[i]);
    const after = all();
    for (const i of doubted.filter((number) => isInDoubt(after[number], DOUBT_AFTER_LOOKS))) {
      odds[i] = await this.toldByReadings(picture, looks.get(i)!, hands[i]);
    }
    return all();
  }

  private toldByLooks(looks: readonly [Evidence, Evidence], hand: Sided): number {
    return oddsOf(this.table.looks, LOOKS, LOOKS_QUALITY, lookSignals(looks, hand), lookQualities(looks, hand));
  }

  /** What both readings of a hand tell, as a right one and as a left one. */
  private async toldByReadings(
    picture: Picture,
    looks: readonly [Evidence, Evidence],
    hand: Sided,
  ): Promise<number> {
    const camera = assumedCamera(picture.width, picture.height);
    const read: number[][] = [];
    for (const [side, evidence] of [["right", looks[0]], ["left", looks[1]]] as const) {
      const boxed = { box_px: hand.box_px, side, turn_rad: evidence.turn_rad };
      const [answer] = await this.reader.askTwice(picture, camera, [boxed]);
      const known = isFound(evidence) ? evidence : null;
      read.push(agreement(this.reader.fit(answer, side, picture.width, known, null), sideOf(hand.box_px)));
    }
    const [right, left] = read;
    const signals = [...lookSignals(looks, hand), ...right.map((value, i) => value - left[i])];
    const best = right.map((value, i) => Math.max(value, left[i])).slice(0, 2);
    return oddsOf(this.table.read, READ, QUALITY, signals, [...lookQualities(looks, hand), ...best]);
  }

  /** What the landmark network says of the mirror image of each hand, upright round the joints seen; mirrored back. */
  private async lookMirrored(picture: Picture, seen: readonly Evidence[]): Promise<Evidence[]> {
    const squares = seen.map(({ joints_px }) => jointsToSquare(joints_px));
    const maps = squares.map((square) => patchFromFrame(square, LANDMARK_PX));
    const answers = await this.landmarks.batch(maps.map((map) => flipped(picture.warp(map, LANDMARK_PX))));
    return answers.map((answer, i) => {
      const flat = Float64Array.from({ length: 42 }, (_, n) => answer.joints_patch[3 * (n >> 1) + (n % 2)]);
      const joints_px = applied(inverse(maps[i]), mirroredPx(flat, LANDMARK_PX));
      const own = { ...answer, world_m: mirroredM(answer.world_m), right: 1 - answer.right };
      return evidenceOf(seen[i].box_px, joints_px, own, squares[i]);
    });
  }
}

/** Signals times slopes, times a sharpness that the quality decides. */
function oddsOf(
  entry: OddsEntry,
  names: readonly string[],
  qualityNames: readonly string[],
  signals: readonly number[],
  quality: readonly number[],
): number {
  const told = within(quality, qualityNames.map((name) => entry["quality range"][name]));
  const sharpness = qualityNames.reduce((sum, name, i) => sum + entry["quality slopes"][name] * told[i], entry.constant);
  return names.reduce((sum, name, i) => sum + entry.slopes[name] * signals[i], 0) * Math.exp(sharpness);
}

const sideOf = (box_px: Float64Array): number => Math.max(longerSide(box_px), 1e-6);

/** Whether a hand's less likely side has at least that probability. */
const isInDoubt = (odds: number, least: number): boolean => Math.abs(odds) <= Math.log(1 / least - 1);

function lookSignals(looks: readonly [Evidence, Evidence], hand: Sided): number[] {
  return [mean(looks.map((look) => logit(look.right))), logit(hand.placeRight)];
}

function lookQualities(looks: readonly [Evidence, Evidence], { box_px }: Sided): number[] {
  const side_px = sideOf(box_px);
  const apart_px = mean(distances(looks[0].joints_px, looks[1].joints_px, 2));
  const presence = mean(looks.map((look) => logit(look.presence)));
  return [Math.log(side_px / 100), presence, -Math.log(apart_px / side_px + 1e-2)];
}

/** How well a reading agrees with itself and with the landmark network. */
function agreement(hand: Fused, side_px: number): number[] {
  const palm = Math.max(palmLength(hand.joints_m), 1e-3);
  return [
    logit(hand.confidence),
    -Math.log(mean(hand.branches_px) / side_px + 1e-2),
    -Math.log(mean(hand.evidence_px) / side_px + 1e-2),
    -Math.log(mean(hand.evidence_m) / palm + 5e-2),
    -Math.log(hand.residual_m / palm + 1e-2),
  ].map((value) => (Number.isNaN(value) ? 0 : value));
}
