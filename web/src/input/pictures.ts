/** Where pictures come from, before anyone looks for hands in them. */

export interface Picture {
  bitmap: ImageBitmap;
  /** Since the start, seconds. */
  time_s: number;
}

export interface Pictures {
  /** For people. */
  readonly title: string;
  /** Whether people see themselves in them. */
  readonly selfie?: boolean;
  /** Throws a `SourceError` with one sentence for people. */
  start(): Promise<void>;
  stop(): void;
  pause(paused: boolean): void;
  /** The newest picture, once there is a newer one than the last; null after the last. Rejects with a SourceError when it breaks off. */
  next(): Promise<Picture | null>;
}

/** Larger pictures are made smaller before anyone looks at them: hands need no more. */
const MOST_PX = 1280;

/** How a picture of a size is to be resized; nothing where it is small enough. */
export function smaller(width: number, height: number): ImageBitmapOptions {
  const share = MOST_PX / Math.max(width, height);
  if (share >= 1) return {};
  return { resizeWidth: Math.round(width * share), resizeHeight: Math.round(height * share), resizeQuality: "high" };
}
