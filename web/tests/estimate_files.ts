/** The package's own files where the page has them, and golden pictures. */
import { readFileSync } from "node:fs";
import { type Files, PATHS } from "../src/estimate/files";
import { type Patch, Picture } from "../src/estimate/picture";
import { rigBytes } from "./golden_files";

export const files: Files = async (name) => {
  if (name === PATHS.rig) return rigBytes();
  const read = readFileSync(name.replace("models/", "../src/knuckle/assets/"));
  return read.buffer.slice(read.byteOffset, read.byteOffset + read.byteLength) as ArrayBuffer;
};

/** Where a picture's bytes lie in estimation.bin. */
export interface Place {
  offset: number;
  width: number;
  height: number;
}

let bytes: Buffer | null = null;

export function patchAt({ offset, width, height }: Place): Patch {
  bytes ??= readFileSync("golden/estimation.bin");
  return { width, height, data: Uint8Array.from(bytes.subarray(offset, offset + 3 * width * height)) };
}

export const pictureAt = (place: Place): Picture => new Picture({ ...patchAt(place), channels: 3 });

/** RGBA as a canvas gives it. */
export function rgbaAt(place: Place): { width: number; height: number; data: Uint8ClampedArray } {
  const { width, height, data } = patchAt(place);
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) rgba.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
  return { width, height, data: rgba };
}
