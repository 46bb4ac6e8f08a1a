/** Plays a track that `knuckle track` wrote: in its own time, in a loop, or frame by frame. */
import { SourceError, type FrameListener, type Source, type StagePlace } from "./source";
import { parseTrack, type HandSurface, type Track } from "./track_file";

export class RecordedSource implements Source {
  readonly title: string;
  readonly place: StagePlace | null;
  private listener: FrameListener = () => undefined;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private next = 0;
  private paused = false;

  /** @param byHand whether frames come by `step` alone; else they play in a loop. */
  constructor(
    readonly track: Track,
    private readonly byHand: boolean,
  ) {
    this.title = track.title;
    this.place = track.place;
  }

  /**
   * Fetch a track.
   *
   * @throws SourceError where it cannot be fetched or read.
   */
  static async load(url: string, surface: HandSurface, byHand: boolean): Promise<RecordedSource> {
    let response: Response;
    try {
      response = await fetch(url);
    } catch (error) {
      throw new SourceError("absent", `${url}: the track cannot be fetched (${String(error)}).`);
    }
    if (!response.ok) throw new SourceError("absent", `${url}: expected a track, got the status ${response.status}.`);
    return new RecordedSource(parseTrack(await response.text(), url, surface), byHand);
  }

  onFrame(listener: FrameListener): void {
    this.listener = listener;
  }

  start(): Promise<void> {
    this.next = 0;
    if (!this.byHand) this.play();
    return Promise.resolve();
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  pause(paused: boolean): void {
    this.paused = paused;
    this.stop();
    if (!paused && !this.byHand) this.play();
  }

  step(): boolean {
    if (this.next >= this.track.frames.length) return false;
    this.listener(this.track.frames[this.next++], null);
    return true;
  }

  private play(): void {
    if (this.paused) return;
    if (!this.step()) {
      this.next = 0;
      this.step();
    }
    const { frames, rate } = this.track;
    const gap_s = this.next < frames.length ? frames[this.next].time_s - frames[this.next - 1].time_s : 1 / rate;
    // Gaps of a track are shown as they are, up to a second.
    this.timer = setTimeout(() => this.play(), Math.min(Math.max(gap_s, 0.001), 1) * 1000);
  }
}
