/** The files that the page needs beside its program, fetched with progress. */
import { loadRig } from "../hand/rig";
import { SourceError } from "../input/source";
import type { HandSurface } from "../input/track_file";

/**
 * The bytes of a file that lies beside the page.
 *
 * @param progress is told the share that has come, 0 to 1, where the size is known.
 * @throws SourceError where it cannot be fetched.
 */
export async function fetchBytes(name: string, progress: (share: number | null) => void): Promise<ArrayBuffer> {
  let response: Response;
  try {
    response = await fetch(new URL(name, document.baseURI));
  } catch (error) {
    throw new SourceError("absent", `${name} cannot be fetched (${String(error)}): is the server still running?`);
  }
  if (!response.ok || !response.body) {
    throw new SourceError("absent", `${name}: expected a file beside the page, got the status ${response.status}.`);
  }
  // Compressed files are longer than their header says: no share is told then.
  const packed = response.headers.get("Content-Encoding") !== null;
  const size = packed ? 0 : Number(response.headers.get("Content-Length") ?? 0);
  const parts: Uint8Array[] = [];
  let got = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    got += value.length;
    progress(size > 0 ? Math.min(got / size, 1) : null);
  }
  const all = new Uint8Array(got);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all.buffer;
}

/** The open rig. Throws a SourceError where it is missing or of another version. */
export async function loadSurface(progress: (share: number | null) => void): Promise<HandSurface> {
  const bytes = await fetchBytes("rig.bin", progress);
  try {
    return loadRig(bytes);
  } catch (error) {
    throw new SourceError("broken", `${error instanceof Error ? error.message : `rig.bin: ${String(error)}`}.`);
  }
}
