/** Runs in the page: the two-hand network and whole frames beside Python's answers, by the page's own wasm. */
import { createEstimator } from "../../../src/estimate/estimator";
import { filesBelow } from "../../../src/estimate/files";
import { openRuntime } from "../../../src/estimate/runtime";
import { framesOff, type GoldenPairs, networkOff } from "../../pairs_beside";

/** packed: pairs.bin as a data URL. */
export async function compare(golden: GoldenPairs, packed: string): Promise<Record<"off" | "most_mm" | "alone_mm", number>> {
  const base = new URL(".", document.baseURI).href;
  const wasmFolder = new URL("wasm/", base).href;
  const files = filesBelow(base);
  const bytes = new Uint8Array(await (await fetch(packed)).arrayBuffer());
  const off = await networkOff(await openRuntime({ wasmFolder }), files, golden, bytes);
  const { estimator } = await createEstimator(files, { wasmFolder, pairs: true });
  if (!(await estimator.pairsOpened())) throw new Error("expected the two-hand network, got none");
  const { most_mm, alone_mm } = await framesOff(estimator, golden, bytes);
  return { off, most_mm, alone_mm };
}
