/** Files of the page by name: networks with their records, and tables of figures. */
import type { Network, Runtime } from "./runtime";

/** Gives what a file of the page's folder holds, by its path there, as "models/dahyf-photo.onnx". */
export type Files = (name: string) => Promise<ArrayBuffer>;

/** What is told of a network in the .json file beside it. */
export interface NetworkRecord {
  name: string;
  file: string;
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
 * A network and its record, out of models/. Throws an Error when either is missing or damaged, or the network is not
 * the one that its record describes.
 */
export async function openNetwork(
  runtime: Runtime,
  files: Files,
  name: string,
  wanted: { inputs: readonly string[]; outputs: readonly string[] },
): Promise<{ network: Network; record: NetworkRecord }> {
  const recordName = `models/${name}.json`;
  const record = await readJson<NetworkRecord>(files, recordName);
  if (typeof record.file !== "string" || typeof record.sha256 !== "string") {
    throw new Error(`${recordName}: expected the record of a network (JSON with file and sha256)`);
  }
  const path = `models/${record.file}`;
  const bytes = new Uint8Array(await files(path));
  await checkSum(path, bytes, record.sha256);
  return { network: await runtime.open(path, bytes, wanted), record };
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
