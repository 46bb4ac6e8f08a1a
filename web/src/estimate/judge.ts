/**
 * How probable it is that there is a hand where one was found (Python: `knuckle.inference.detection.judge`, where the
 * weights of judge.json were learnt).
 */
import { jointsToSquare, turnBetween } from "./affine";
import { longerSide, overlap } from "./boxes";
import { clip, sigmoid } from "./joints";
import { type Look, lookBox } from "./landmarks";
import type { Place } from "./palm";

const SIGNALS = [
  ...(["place", "presence", "first presence", "size", "size shown", "side"] as const),
  ...(["resized", "moved", "turned", "still resized", "fill", "aspect", "overlap"] as const),
];
/** Probabilities count as no nearer to 0 or 1. */
const SURE = 1e-3;
const USUAL_PX = 64;

interface JudgeEntry {
  slopes: Record<string, number>;
  constant: number;
  threshold: number;
}

/** judge.json. */
export type JudgeTable = Record<string, JudgeEntry>;

/** Weighs the words of a proposal network and of the landmark network. */
export class Judge {
  private readonly entry: JudgeEntry;

  constructor(table: JudgeTable, network: string) {
    this.entry = table[network];
    if (!this.entry || !SIGNALS.every((name) => Number.isFinite(this.entry.slopes?.[name]))) {
      throw new Error(`judge.json: expected the judge of ${network}, with slopes, constant and threshold`);
    }
  }

  /** Least probability of what counts as a hand. */
  get threshold(): number {
    return this.entry.threshold;
  }

  /** That a finding is a hand, 0 to 1. scale: px of what the proposal network was shown, in a px of the picture. */
  probability(look: Look, place: Place, scale: number): number {
    const own = lookBox(look);
    const size = Math.max(longerSide(own), 1e-6);
    const suggested = jointsToSquare(look.joints_px);
    const { square: last, firstSquare: first } = look;
    const signals = [
      safeLogit(place.score),
      safeLogit(look.landmarks.presence),
      safeLogit(look.firstPresence),
      Math.log(size / USUAL_PX),
      Math.log((size * scale) / USUAL_PX),
      Math.abs(2 * look.landmarks.right - 1),
      Math.abs(Math.log(last.side_px / first.side_px)),
      Math.hypot(last.u - first.u, last.v - first.v) / last.side_px,
      turnBetween(last, first),
      Math.abs(Math.log(Math.max(suggested.side_px, 1e-6) / last.side_px)),
      size / last.side_px,
      Math.min(own[2], own[3]) / size,
      overlap(own, place.box_px),
    ];
    return sigmoid(SIGNALS.reduce((sum, name, i) => sum + this.entry.slopes[name] * signals[i], this.entry.constant));
  }
}

function safeLogit(probability: number): number {
  const safe = clip(probability, SURE, 1 - SURE);
  return Math.log(safe / (1 - safe));
}
