/**
 * Networks behind a small interface, and the one place that knows onnxruntime-web.
 *
 * docs/web.md ("Which runtime") has what was measured before it was chosen.
 */
import { hasSimd } from "./simd";

/** Numbers of one input of a network, row by row. */
export interface Input {
  data: Float32Array | Uint8Array;
  dims: readonly number[];
}

/** A network that is ready to run; runs of one must not overlap. */
export interface Network {
  /** The file it was read from, for errors. */
  readonly name: string;
  /** Its outputs by name. Throws an Error where it cannot run on these inputs. */
  run(inputs: Record<string, Input>): Promise<Record<string, Float32Array>>;
}

/** What opens networks. */
export interface Runtime {
  /** Where networks run. */
  readonly backend: Backend;
  /** Why not on the GPU, where that was asked for; empty otherwise. */
  readonly note: string;
  /**
   * Opens an onnx file. Throws an Error where it is none, or has not these inputs and outputs (it is older or newer
   * than this page).
   */
  open(name: string, bytes: Uint8Array, wanted: { inputs: readonly string[]; outputs: readonly string[] }): Promise<Network>;
}

export type Backend = "wasm" | "webgpu";

export interface RuntimeOptions {
  /** "webgpu" is tried, and gives way to "wasm" where the browser has none. */
  backend?: Backend;
  /** The folder of onnxruntime-web's .wasm files, with a slash at its end; the package's own without it. */
  wasmFolder?: string;
  /** Threads of one run; more than one need a page that is cross-origin isolated, else it is one. */
  threads?: number;
}

/** The parts of onnxruntime-web that are used here; its builds for wasm and WebGPU share them. */
type Ort = typeof import("onnxruntime-web/wasm");

/** Opens onnxruntime-web. Throws an Error where the browser has no WebAssembly with SIMD. */
export async function openRuntime(options: RuntimeOptions = {}): Promise<Runtime> {
  if (!hasSimd()) {
    throw new Error("This browser cannot run the networks: expected WebAssembly with SIMD, which all browsers since 2023 have.");
  }
  let backend = options.backend ?? "wasm";
  const note = backend === "webgpu" ? await whyNoGpu() : "";
  if (note) backend = "wasm";
  const ort =
    backend === "webgpu"
      ? ((await import("onnxruntime-web/webgpu")) as unknown as Ort)
      : await import("onnxruntime-web/wasm");
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;
  ort.env.wasm.numThreads = isolated ? Math.max(options.threads ?? 1, 1) : 1;
  if (options.wasmFolder) ort.env.wasm.wasmPaths = options.wasmFolder;
  ort.env.logLevel = "error";
  return {
    backend,
    note,
    open: async (name, bytes, wanted) => {
      const session = await ort.InferenceSession.create(bytes, {
        executionProviders: [backend],
        graphOptimizationLevel: "all",
      }).catch((error: unknown) => {
        throw new Error(`${name}: expected an onnx network, got a file that onnxruntime refuses (${firstLine(error)})`);
      });
      const lacking = [
        ...wanted.inputs.filter((input) => !session.inputNames.includes(input)),
        ...session.inputNames.filter((input) => !wanted.inputs.includes(input)),
        ...wanted.outputs.filter((output) => !session.outputNames.includes(output)),
      ];
      if (lacking.length > 0) {
        throw new Error(
          `${name}: expected a network with the inputs ${wanted.inputs.join(", ")} and the outputs ` +
            `${wanted.outputs.join(", ")}, got ${session.inputNames.join(", ")} and ${session.outputNames.join(", ")}: ` +
            "the file is of another version than this page",
        );
      }
      const run = async (inputs: Record<string, Input>): Promise<Record<string, Float32Array>> => {
        const feeds = Object.fromEntries(
          Object.entries(inputs).map(([input, { data, dims }]) => [
            input,
            data instanceof Uint8Array ? new ort.Tensor("uint8", data, dims) : new ort.Tensor("float32", data, dims),
          ]),
        );
        const results = await session.run(feeds, [...wanted.outputs]).catch((error: unknown) => {
          throw new Error(`${name}: the network did not run (${firstLine(error)})`);
        });
        return Object.fromEntries(wanted.outputs.map((output) => [output, results[output].data as Float32Array]));
      };
      return { name, run };
    },
  };
}

/** Why networks cannot run on the GPU here; empty where they can. */
async function whyNoGpu(): Promise<string> {
  const gpu = (globalThis.navigator as unknown as { gpu?: { requestAdapter(): Promise<unknown> } } | undefined)?.gpu;
  if (!gpu) return "This browser has no WebGPU, so the networks run on the processor.";
  const adapter = await gpu.requestAdapter().catch(() => null);
  return adapter ? "" : "WebGPU found no usable graphics processor, so the networks run on the main one.";
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split("\n")[0];
}
