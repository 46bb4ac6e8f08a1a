/** The newest picture of a playing video element. */
import { smaller, type Picture } from "./pictures";

type Framed = HTMLVideoElement & {
  requestVideoFrameCallback?: (callback: (now: number, data: { mediaTime: number }) => void) => number;
};

export class VideoPictures {
  private seen = -1;
  private ended = false;

  constructor(readonly video: HTMLVideoElement) {
    video.muted = true;
    video.playsInline = true;
  }

  /** Whoever waits for a picture is told that there is none. */
  end(): void {
    this.ended = true;
  }

  /** Resolves with a picture that has not been given yet, null after `end` or the video's own end. */
  async next(): Promise<Picture | null> {
    const time_s = await this.newer();
    if (time_s === null) return null;
    this.seen = time_s;
    return { bitmap: await createImageBitmap(this.video, smaller(this.video.videoWidth, this.video.videoHeight)), time_s };
  }

  private newer(): Promise<number | null> {
    return new Promise((resolve) => {
      const video = this.video as Framed;
      const look = (): void => {
        if (this.ended) return resolve(null);
        const ready = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && video.videoWidth > 0;
        // A loop begins again with an earlier time.
        if (ready && video.currentTime !== this.seen) return resolve(video.currentTime);
        if (video.ended) return resolve(null);
        setTimeout(look, video.paused ? 50 : 4);
      };
      look();
    });
  }
}
