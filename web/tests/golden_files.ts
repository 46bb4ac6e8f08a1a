/** Files that Python writes for the tests, and the rig as the page loads it. */
import { existsSync, readFileSync } from "node:fs";
import { loadRig, type Rig } from "../src/hand/rig";

export { farthest, largestDifference } from "./distances";

/** The command that writes each file, told where one is missing. */
const WRITTEN_BY: Record<string, string> = {
  "generated/rig.bin": "python -m tools.web_assets.rig",
  "golden/rig.json": "python -m tools.web_golden.rig",
  "golden/fit.json": "python -m tools.web_golden.fit",
  "golden/estimation.json": "python -m tools.web_golden.estimation",
  "golden/pairs.json": "python -m tools.web_golden.pairs",
  "golden/tracking.json": "python -m tools.web_golden.tracking",
  "golden/video.json": "python -m tools.web_golden.video",
  "golden/exported/hands.json": "python -m tools.web_golden.exported",
};

/** Why tests that need these files are skipped, for node:test's `skip`; false where all are there. */
export function missing(...names: string[]): string | false {
  const lacking = ["generated/rig.bin", ...names].filter((name) => !existsSync(name));
  if (lacking.length === 0) return false;
  return `needs ${lacking.join(", ")}: ${lacking.map((name) => WRITTEN_BY[name]).join("; ")}`;
}

export function readRig(): Rig {
  return loadRig(rigBytes());
}

export function rigBytes(): ArrayBuffer {
  const bytes = readFileSync("generated/rig.bin");
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

export function readGolden<T>(name: string): T {
  return JSON.parse(readFileSync(`golden/${name}`, "utf8")) as T;
}
