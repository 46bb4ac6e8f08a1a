/** The camera of the device. */
import type { Picture, Pictures } from "./pictures";
import { SourceError } from "./source";
import { VideoPictures } from "./video_pictures";

const WIDTH_PX = 640;
const HEIGHT_PX = 480;

/** What a browser's refusal of a camera means, for people. */
export function cameraProblem(error: unknown): SourceError {
  const name = error instanceof Error ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return new SourceError(
        "denied",
        "No camera is allowed here: allow it for this page in the browser's address bar, or open a file.",
      );
    case "NotFoundError":
    case "OverconstrainedError":
      return new SourceError("absent", "There is no camera: connect one, or open a video or a picture.");
    case "NotReadableError":
    case "AbortError":
      return new SourceError("busy", "The camera is held by another tab or program: close that, then try again.");
    default:
      return new SourceError("broken", `The camera cannot be started (${name || String(error)}).`);
  }
}

export class Webcam implements Pictures {
  readonly title = "Camera";
  readonly selfie = true;
  private stream: MediaStream | null = null;
  private pictures: VideoPictures | null = null;
  private lost: SourceError | null = null;

  constructor(private readonly able: { cameras: boolean }) {}

  async start(): Promise<void> {
    if (!this.able.cameras) {
      throw new SourceError("insecure", "Browsers give cameras to pages of https or localhost alone: open a file instead.");
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { width: { ideal: WIDTH_PX }, height: { ideal: HEIGHT_PX }, facingMode: "user" },
      });
    } catch (error) {
      throw cameraProblem(error);
    }
    this.stream.getVideoTracks()[0]?.addEventListener("ended", () => {
      this.lost = new SourceError("lost", "The camera has stopped: it was unplugged, or taken by another program.");
      this.pictures?.end();
    });
    const video = document.createElement("video");
    this.pictures = new VideoPictures(video);
    video.srcObject = this.stream;
    try {
      await video.play();
    } catch (error) {
      this.stop();
      throw cameraProblem(error);
    }
  }

  stop(): void {
    this.pictures?.end();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
  }

  pause(paused: boolean): void {
    if (paused) this.pictures?.video.pause();
    else void this.pictures?.video.play();
  }

  async next(): Promise<Picture | null> {
    const picture = (await this.pictures?.next()) ?? null;
    if (this.lost) throw this.lost;
    return picture;
  }
}
