/** Pictures that are given one by one, each when the one before has been seen: how tests show frames to the page. */
import type { Picture, Pictures } from "./pictures";
import { SourceError } from "./source";

interface Given {
  picture: Picture;
  seen(): void;
  failed(error: SourceError): void;
}

export class GivenPictures implements Pictures {
  private given: Given | null = null;
  private taken: Given | null = null;
  private wake: () => void = () => undefined;
  private ended = false;

  constructor(readonly title: string) {}

  /**
   * Show a picture; resolves when its hands are on the page. One at a time.
   *
   * @throws SourceError where pictures are not shown any more.
   */
  give(bitmap: ImageBitmap, time_s: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.ended) return reject(this.over());
      this.given = { picture: { bitmap, time_s }, seen: resolve, failed: reject };
      this.wake();
    });
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): void {
    this.ended = true;
    this.taken?.failed(this.over());
    this.given?.failed(this.over());
    this.taken = this.given = null;
    this.wake();
  }

  pause(): void {
    return;
  }

  /** Whoever asks for the next one has seen the last. */
  async next(): Promise<Picture | null> {
    this.taken?.seen();
    this.taken = null;
    while (!this.given && !this.ended) await new Promise<void>((resolve) => (this.wake = resolve));
    if (!this.given) return null;
    this.taken = this.given;
    this.given = null;
    return this.taken.picture;
  }

  private over(): SourceError {
    return new SourceError("broken", `${this.title}: pictures are not shown any more.`);
  }
}
