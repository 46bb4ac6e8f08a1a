/** Where pictures come from, before anyone looks for hands in them. */

export interface Picture {
  bitmap: ImageBitmap;
  /** Since the start, seconds. */
  time_s: number;
}

export interface Pictures {
  /** For people. */
  readonly title: string;
  /** Throws a `SourceError` with one sentence for people. */
  start(): Promise<void>;
  stop(): void;
  pause(paused: boolean): void;
  /** The newest picture, once there is a newer one than the last; null after the last. Rejects with a SourceError when it breaks off. */
  next(): Promise<Picture | null>;
}
