/** Files of the page by name: networks with their records, and tables of figures. */
import type { Network, Runtime } from "./runtime";

/** Gives what a file of the page's folder holds, by its path there, as "models/weights/dahyf-photo.onnx". */
export type Files = (name: string) => Promise<ArrayBuffer>;

/** What is told of a network in the .json file beside it. */
export interface NetworkRecord {
  name: string;
  sha256: string;
  /** Of systems: side of the square patch, px, and crop side over the longer side of the box. */
  size?: number;
  expand?: number;
}

/** A JSON file. Throws an Error naming it when it is none. */
export async function readJson<T>(files: Files, name: string): Promise<T> {
  const text = new TextDecoder().decode(await files(name));
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Error(`${name}: expected JSON, got ${JSON.stringify(text.slice(0, 40))}`);
  }
}

/**
 * A network and the record beside it; `path` is theirs without the ending, as "models/weights/dahyf-photo". Throws an
 * Error when either is missing or damaged, or the network is not the one that its record describes.
 */
export async function openNetwork(
  runtime: Runtime,
  files: Files,
  path: string,
  wanted: { inputs: readonly string[]; outputs: readonly string[] },
): Promise<{ network: Network; record: NetworkRecord }> {
  const recordName = `${path}.json`;
  const record = await readJson<NetworkRecord>(files, recordName);
  if (typeof record.name !== "string" || typeof record.sha256 !== "string") {
    throw new Error(`${recordName}: expected the record of a network (JSON with name and sha256)`);
  }
  const name = `${path}.onnx`;
  const bytes = new Uint8Array(await files(name));
  await checkSum(name, bytes, record.sha256);
  return { network: await runtime.open(name, bytes, wanted), record };
}

/** Pages without a secure context have no digest: there the file is taken as it is. */
async function checkSum(name: string, bytes: Uint8Array, sha256: string): Promise<void> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return;
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  const got = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (got !== sha256) {
    throw new Error(
      `${name}: expected sha256 ${sha256.slice(0, 12)}..., got ${got.slice(0, 12)}...: ` +
        "the file is damaged or of another version than its record",
    );
  }
}

/** What the page needs to estimate hands: the package's own files below models/, and the rig. */
export const PATHS = {
  landmarks: "models/detector/hand_landmark_full",
  palms: "models/detector/palm_detection_full",
  estimator: "models/weights/dahyf-photo",
  judge: "models/detector/judge.json",
  evidence: "models/evidence.json",
  certainty: "models/certainty.json",
  sides: "models/sides.json",
  rig: "rig.bin",
} as const;

/** The two-hand network, as those of `PATHS`: fetched only when two hands first meet. */
export const PAIR_PATH = "models/weights/dfl-lite";
export const PAIR_FILES: readonly string[] = [`${PAIR_PATH}.json`, `${PAIR_PATH}.onnx`];
/** What of it is kept for later loads once it was used; its record always is: a newer network is a newer build thereby. */
export const PAIR_NETWORK: readonly string[] = [`${PAIR_PATH}.onnx`];

/** What runs networks on the graphics processor: fetched only where that is asked for, and kept for later loads then. */
export const GPU_PROGRAM: readonly string[] = ["mjs", "wasm"].map((end) => `wasm/ort-wasm-simd-threaded.asyncify.${end}`);

/** All of `PATHS` by name: what is fetched ahead. */
export const FILE_NAMES: readonly string[] = Object.values(PATHS).flatMap((path) =>
  path.includes(".") ? [path] : [`${path}.json`, `${path}.onnx`],
);

/** Asks for all files at once; each is given as soon as it is there. progress: how many of how many have come. */
export function fetchedAhead(files: Files, progress: (done: number, all: number) => void = () => undefined): Files {
  let done = 0;
  const coming = new Map(FILE_NAMES.map((name) => [name, files(name)]));
  for (const file of coming.values()) {
    file.then(
      () => progress(++done, coming.size),
      // Whoever asks for it is told.
      () => undefined,
    );
  }
  return (name) => coming.get(name) ?? files(name);
}

/** Files below an address. Throws an Error naming one that does not come. */
export function filesBelow(base: string): Files {
  return async (name) => {
    const address = new URL(name, base);
    const answer = await fetch(address).catch(() => null);
    if (!answer?.ok) {
      throw new Error(`${name}: expected a file of this page, got ${answer ? `status ${answer.status}` : "no answer"}`);
    }
    return answer.arrayBuffer();
  };
}
