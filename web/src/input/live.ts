/** Hands of pictures as they come: each goes to the worker, one at a time, and is shown with its own hands. */
import type { Abilities } from "../page/abilities";
import type { Pictures } from "./pictures";
import { SourceError, type FrameListener, type Source } from "./source";
import type { HandSurface } from "./track_file";

export interface LiveOptions {
  surface: HandSurface;
  able: Abilities;
  /** The pictures' horizontal angle of view, degrees; 0: assumed. */
  view_deg: number;
  progress: (words: string, share: number | null) => void;
  /** Called where pictures or worker break off after the start. */
  failed: (error: unknown) => void;
}

export class LiveSource implements Source {
  readonly title: string;
  readonly place = null;
  private listener: FrameListener = () => undefined;

  constructor(
    private readonly pictures: Pictures,
    private readonly options: LiveOptions,
  ) {
    this.title = pictures.title;
  }

  onFrame(listener: FrameListener): void {
    this.listener = listener;
  }

  async start(): Promise<void> {
    if (!this.options.able.simd) {
      throw new SourceError("unsupported", "This browser has no WebAssembly SIMD, which estimating hands needs: try a newer one.");
    }
    await this.pictures.start();
    void this.listener;
  }

  stop(): void {
    this.pictures.stop();
  }

  pause(paused: boolean): void {
    this.pictures.pause(paused);
  }
}
