/** Runs in the page: pictures of a clip beside Python's answers, by the page's own networks, wasm and decoder of PNG. */
import { createEstimator } from "../../../src/estimate/estimator";
import { filesBelow } from "../../../src/estimate/files";
import { Picture } from "../../../src/estimate/picture";
import { followBeside } from "../../beside";
import type { Clip } from "../../golden_clips";

/** How far hands found and followed lie from Python's. pictures: PNG, as data URLs. */
export async function compare(clip: Clip, pictures: readonly string[]): Promise<{ found_px: number; followed_mm: number }> {
  const base = new URL(".", document.baseURI).href;
  const opened = await createEstimator(filesBelow(base), { wasmFolder: new URL("wasm/", base).href, pairs: true });
  if (!(await opened.estimator.pairsOpened())) throw new Error("expected the two-hand network, got none");
  const read = await Promise.all(pictures.map(pixelsOf));
  const { found_px, followed_mm } = await followBeside(opened, clip, read);
  return { found_px, followed_mm };
}

async function pixelsOf(address: string): Promise<Picture> {
  const bitmap = await createImageBitmap(await (await fetch(address)).blob());
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true, alpha: false })!;
  context.drawImage(bitmap, 0, 0);
  return new Picture({ width, height, channels: 4, data: context.getImageData(0, 0, width, height).data });
}
