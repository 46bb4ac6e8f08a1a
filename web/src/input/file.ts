/** A file that someone opened: a video, a picture, or hands that `knuckle track` wrote. */
import { smaller, type Picture, type Pictures } from "./pictures";
import { SourceError } from "./source";
import { parseTrack, type HandSurface, type Track } from "./track_file";
import { VideoPictures } from "./video_pictures";

/**
 * What a file holds, told by its type and name.
 *
 * @throws SourceError where it is none of the three, or not readable.
 */
export async function openFile(file: File, surface: HandSurface): Promise<Track | Pictures> {
  if (/\.jsonl$/i.test(file.name)) return parseTrack(await file.text(), file.name, surface);
  if (file.type.startsWith("image/")) return new PictureFile(file);
  if (file.type.startsWith("video/")) return new VideoFile(file);
  throw new SourceError(
    "unsupported",
    `${file.name}: expected a video, a picture or a track (.jsonl), got ${file.type || "an unknown kind of file"}.`,
  );
}

/** A video, played in a loop. */
class VideoFile implements Pictures {
  readonly title: string;
  private readonly address: string;
  private readonly pictures = new VideoPictures(document.createElement("video"));

  constructor(private readonly file: File) {
    this.title = file.name;
    this.address = URL.createObjectURL(file);
  }

  async start(): Promise<void> {
    const { video } = this.pictures;
    video.loop = true;
    video.src = this.address;
    try {
      await video.play();
    } catch {
      this.stop();
      throw new SourceError("unsupported", `${this.file.name}: this browser cannot play the video.`);
    }
  }

  stop(): void {
    this.pictures.end();
    this.pictures.video.pause();
    URL.revokeObjectURL(this.address);
  }

  pause(paused: boolean): void {
    if (paused) this.pictures.video.pause();
    else void this.pictures.video.play();
  }

  next(): Promise<Picture | null> {
    return this.pictures.next();
  }
}

/** A picture, given again and again: scenes go on, and hands settle. */
class PictureFile implements Pictures {
  readonly title: string;
  private image: ImageBitmap | null = null;
  private paused = false;
  private readonly since = performance.now();

  constructor(private readonly file: File) {
    this.title = file.name;
  }

  async start(): Promise<void> {
    try {
      this.image = await createImageBitmap(this.file);
    } catch {
      throw new SourceError("unsupported", `${this.file.name}: this browser cannot read the picture.`);
    }
  }

  stop(): void {
    this.image?.close();
    this.image = null;
  }

  pause(paused: boolean): void {
    this.paused = paused;
  }

  async next(): Promise<Picture | null> {
    do await new Promise((resolve) => setTimeout(resolve, 30));
    while (this.paused && this.image);
    if (!this.image) return null;
    const { width, height } = this.image;
    const bitmap = await createImageBitmap(this.image, smaller(width, height));
    return { bitmap, time_s: (performance.now() - this.since) / 1000 };
  }
}
