/** How large a hand is: what is known before it is seen, and what its frames say (Python: `knuckle.live.hand_size`). */
import type { TrackingFigures } from "../hand/rig_file";

/** The joints along which a hand's length is measured: from the wrist to the tip of the middle finger. */
const LENGTH_PATH = [0, 9, 10, 11, 12];
/** Between a newborn's hand and the longest known: other lengths are no hand's. */
const SHORTEST_M = 0.08;
const LONGEST_M = 0.28;
const MEMORY_S = 10;
const OUTLIER = 3;

/** Metres from the wrist to the tip of the middle finger, along the bones. joints_m: 21 x 3. */
export function handLength(joints_m: ArrayLike<number>): number {
  let length = 0;
  for (let n = 1; n < LENGTH_PATH.length; n++) {
    const [from, to] = [3 * LENGTH_PATH[n - 1], 3 * LENGTH_PATH[n]];
    length += Math.hypot(
      joints_m[to] - joints_m[from],
      joints_m[to + 1] - joints_m[from + 1],
      joints_m[to + 2] - joints_m[from + 2],
    );
  }
  return length;
}

/** The length itself; throws an `Error` for one that no hand has. */
export function checkLength(length_m: number): number {
  if (!(SHORTEST_M <= length_m && length_m <= LONGEST_M)) {
    throw new Error(
      `hand length: expected metres between ${SHORTEST_M} and ${LONGEST_M}, from the wrist to the tip of the middle ` +
        `finger, got ${length_m}`,
    );
  }
  return length_m;
}

/** The length of one person's hand, learnt from frames; or given, and then no frame changes it. */
export class HandSize {
  private mean = 0;
  private answers = 0;
  private seen_s = NaN;

  constructor(
    private readonly figures: TrackingFigures["size"],
    private readonly given_m: number | null,
  ) {}

  /** Take in what one frame's network says, in the order of time; lengths that no hand has tell nothing. */
  observe(length_m: number, time_s: number): void {
    if (!(SHORTEST_M <= length_m && length_m <= LONGEST_M)) return;
    const { figures } = this;
    let said = Math.log(length_m / figures.mean_m);
    let fresh = 1;
    if (this.answers > 0) {
      // Frames shortly after each other resemble each other: together they are hardly more than one answer.
      fresh = 1 - Math.exp(-Math.max(time_s - this.seen_s, 0) / figures.alike_s);
      const far = OUTLIER * figures.frame;
      said = this.mean + Math.min(Math.max(said - this.mean, -far), far);
    }
    // What was said long ago fades: a track may have passed to another hand.
    this.answers = Math.min(this.answers + fresh, MEMORY_S / figures.alike_s);
    this.mean += (fresh / this.answers) * (said - this.mean);
    this.seen_s = time_s;
  }

  /** The best guess of the hand's length. */
  get length_m(): number {
    return this.given_m ?? this.figures.mean_m * Math.exp(this.belief());
  }

  /** By how much to scale a hand of that length; 1 for a length that no hand has. */
  ratio(length_m: number): number {
    return SHORTEST_M <= length_m && length_m <= LONGEST_M ? this.length_m / length_m : 1;
  }

  /** Mean of the logarithm of the length over that of people's. */
  private belief(): number {
    const { people, slope, offset, frame, person } = this.figures;
    if (this.answers === 0 || slope === 0) return 0;
    const weight = slope ** 2 / (person ** 2 + frame ** 2 / this.answers);
    return (weight * ((this.mean - offset) / slope)) / (1 / people ** 2 + weight);
  }
}
