/** The web worker: networks and tracking, away from the page's own thread. `client.ts` is the page's side. */
import { filesBelow } from "./files";
import type { Question, RawFrame } from "./messages";
import { HandService } from "./service";

let canvas: OffscreenCanvas | null = null;

const service = new HandService({
  files: filesBelow,
  tell: (answer, transfer = []) => (self as unknown as Worker).postMessage(answer, transfer),
  pixels: readBitmap,
});

self.addEventListener("message", (event: MessageEvent<Question>) => void service.ask(event.data));

function readBitmap(image: ImageBitmap): RawFrame {
  const { width, height } = image;
  if (canvas?.width !== width || canvas.height !== height) canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  if (!context) throw new Error("This browser cannot read pictures in a worker: expected a canvas with a 2D context.");
  context.drawImage(image, 0, 0);
  image.close();
  return { width, height, data: context.getImageData(0, 0, width, height).data };
}
