/** Khronos' validator comes without types; what the tests ask of it. */
declare module "gltf-validator" {
  interface Issues {
    numErrors: number;
    numWarnings: number;
    numInfos: number;
    numHints: number;
    messages: { code: string; message: string; severity: number; pointer?: string }[];
  }
  export function validateBytes(data: Uint8Array): Promise<{ issues: Issues }>;
}
