/** As much of Node's assert as tests use that run in a page. */
function ok(value: unknown, message = "expected something true"): void {
  if (!value) throw new Error(message);
}

function equal(got: unknown, expected: unknown, message = ""): void {
  ok(Object.is(got, expected), `${message} expected ${String(expected)}, got ${String(got)}`);
}

function deepEqual(got: unknown, expected: unknown, message = ""): void {
  equal(JSON.stringify(got), JSON.stringify(expected), message);
}

export default { ok, equal, deepEqual };
