/** When a video is searched for hands that are not followed yet (Python: `knuckle.live.schedule`). */

/** Time between searches while all goes well, ... */
const NEWCOMERS_S = 0.5;
/** ... and while there is no hand, or one was lost within `MISSED_FOR_S`. */
const MISSING_S = 0.1;
export const MISSED_FOR_S = 1;
/** Time between searches that look for small and doubtful hands too: while all goes well, ... */
const CLOSELY_S = 1;
/** ... while one of the hands is missing, ... */
const CLOSELY_MISSING_S = 0.2;
/** ... and while none is followed. */
const CLOSELY_NONE_S = 0.5;
/** However slow a video is, frames between two searches: a search in every frame would be no tracking. */
const LEAST_FRAMES = 2;
/** The clock of a video has gaps of a frame: half a millisecond early is in time. */
const EARLY_S = 5e-4;

/** Decides frame by frame; frames are counted by `due`. */
export class Schedule {
  private searched_s = -1e9;
  private closely_s = -1e9;
  private frames = LEAST_FRAMES;

  /** Whether this frame is searched; missing: there is no hand, or one was lost a moment ago. */
  due(time_s: number, missing: boolean): boolean {
    this.frames++;
    const wait_s = missing ? MISSING_S : NEWCOMERS_S;
    if (this.frames <= LEAST_FRAMES || time_s - this.searched_s < wait_s - EARLY_S) return false;
    this.searched_s = time_s;
    this.frames = 0;
    return true;
  }

  /** Whether the search that is due looks for small and doubtful hands too; none: no hand is followed. */
  closely(time_s: number, missing: boolean, none: boolean): boolean {
    const wait_s = none ? CLOSELY_NONE_S : missing ? CLOSELY_MISSING_S : CLOSELY_S;
    if (time_s - this.closely_s < wait_s - EARLY_S) return false;
    this.closely_s = time_s;
    return true;
  }
}
