// Masks as `knuckle.silhouette` and tools/web_golden/silhouettes.py have them: a bit a pixel, in base 64.

const ones = (byte) => byte.toString(2).replaceAll("0", "").length;

/** Intersection over union of two masks. */
export function overlap(one, other) {
  const [mine, yours] = [one, other].map((text) => Buffer.from(text, "base64"));
  let [both, any] = [0, 0];
  for (let at = 0; at < mine.length; at++) {
    both += ones(mine[at] & yours[at]);
    any += ones(mine[at] | yours[at]);
  }
  return both / any;
}
