/** What the browser can and cannot do, in words for people. */

/** A module of one function with one SIMD instruction (i8x16.popcnt of a splat): valid only where SIMD is. */
const SIMD_MODULE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

export interface Abilities {
  webgpu: boolean;
  simd: boolean;
  threads: boolean;
  cameras: boolean;
}

export function hasSimd(): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(SIMD_MODULE);
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
