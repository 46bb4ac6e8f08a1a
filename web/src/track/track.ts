/** One hand through a video: who it is, where it was, which side it is of, what it was like (Python: `knuckle.live.track`). */
import type { FitStart } from "../hand/fit_start";
import type { Side } from "../hand/frame";
import type { Rig } from "../hand/rig";
import { Gate } from "./gate";
import type { HandSize } from "./hand_size";
import { Motion } from "./motion";
import { probability } from "./odds";

/** Of a side: however long a hand was a right one, this much of the opposite makes it a left one. */
const MOST_ODDS = 10;
/** What one look can say of a side at most; looks at one hand err alike, so each counts this little. */
const MOST_TOLD = 1.5;
const TOLD_SHARE = 0.25;
/** A newcomer whose side is not sure by that much is not reported before so many sightings. */
const SURE_SIDE = 0.9;
const LONG_ENOUGH = 10;
/** A hand becomes one of the other side where the odds for that reach this. */
const TURNS_AT = 2;

/** What a track begins with. */
export interface NewTrack {
  identity: number;
  /** 21 x 2. */
  joints_px: Float64Array;
  time_s: number;
  /** Logit of a right hand, and what its partner adds. */
  sideOdds: number;
  partnerOdds: number;
  size: HandSize;
  /** Whether what passes the gate is filtered. */
  smooth: boolean;
}

/** A hand that is followed, or was within the last second. */
export class Track<Memory> {
  readonly identity: number;
  readonly size: HandSize;
  readonly born_s: number;
  /** Of its last sighting. */
  motion: Motion;
  /** Logit of a right hand by all that was said of it, and what its partner adds. */
  sideOdds: number;
  partnerOdds: number;
  /** As it is shown to networks: turns only where the odds are clearly against it. */
  isRight: boolean;
  /** Of the hand's side; what it was and how it moved in space. */
  gate: Gate;
  /** Pose and shape of its last sighting; null before there is one. */
  start: FitStart | null = null;
  /** What was said of it then. */
  memory: Memory | null = null;
  sightings = 0;
  /** Whether it has been reported before. */
  told = false;
  /** Since when it has not been seen. */
  lost_s: number | null = null;
  /** How sure its last sighting was. */
  confidence = 0;

  constructor(
    private readonly rig: Rig,
    private readonly begun: NewTrack,
  ) {
    this.identity = begun.identity;
    this.size = begun.size;
    this.born_s = begun.time_s;
    this.motion = new Motion(begun.joints_px, begun.time_s);
    this.sideOdds = within(begun.sideOdds, MOST_ODDS);
    this.partnerOdds = begun.partnerOdds;
    this.isRight = begun.sideOdds + begun.partnerOdds >= 0;
    this.gate = this.freshGate();
  }

  get side(): Side {
    return this.isRight ? "right" : "left";
  }

  /** That it is of that side. */
  get sideConfidence(): number {
    const odds = this.sideOdds + this.partnerOdds;
    return probability(this.isRight ? odds : -odds);
  }

  /** Whether it has been seen so often, and its side is known well enough, that it is to be told of. */
  reported(after: number): boolean {
    const sure = this.sideConfidence >= SURE_SIDE || this.sightings > LONG_ENOUGH;
    return this.sightings > after && (this.told || sure);
  }

  /** Count what another look says of its side. */
  hear(rightLogit: number): void {
    this.sideOdds = within(this.sideOdds + within(TOLD_SHARE * rightLogit, MOST_TOLD), MOST_ODDS);
  }

  /**
   * Say of which side it is from now on, with what its partner adds. Where that turns it is another hand. Before anybody
   * was told, the likelier side is the one.
   */
  decide(partnerOdds: number): void {
    this.partnerOdds = partnerOdds;
    const odds = this.sideOdds + partnerOdds;
    if (this.isRight === odds > 0 || (Math.abs(odds) < TURNS_AT && this.told)) return;
    this.isRight = !this.isRight;
    this.gate = this.freshGate();
    this.start = null;
    this.memory = null;
  }

  /** Go on from where it was found after it was lost. */
  foundAgain(joints_px: Float64Array, time_s: number): void {
    this.motion = new Motion(joints_px, time_s);
    this.lost_s = null;
    this.memory = null;
  }

  private freshGate(): Gate {
    return new Gate(this.rig.of(this.side), this.begun.smooth);
  }
}

function within(value: number, most: number): number {
  return Math.min(Math.max(value, -most), most);
}
