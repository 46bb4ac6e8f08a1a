/** What the browser can and cannot do, in words for people. */
import { hasSimd } from "../estimate/simd";

export interface Abilities {
  webgpu: boolean;
  simd: boolean;
  threads: boolean;
  cameras: boolean;
}

export function abilities(): Abilities {
  return {
    webgpu: "gpu" in navigator,
    simd: hasSimd(),
    threads: globalThis.crossOriginIsolated === true,
    cameras: typeof navigator.mediaDevices?.getUserMedia === "function",
  };
}

/** What people should know of it; nothing where all is well. */
export function notesOn(able: Abilities): string[] {
  const notes: string[] = [];
  if (!able.simd) {
    notes.push("This browser has no WebAssembly SIMD: hands cannot be estimated, recorded tracks still play.");
  } else if (!able.webgpu) {
    notes.push("This browser has no WebGPU: hands can be estimated on the processor alone.");
  }
  if (!able.cameras) notes.push("Browsers give cameras to pages of https or localhost alone: open a file instead.");
  return notes;
}
