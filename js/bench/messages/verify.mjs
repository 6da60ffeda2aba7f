// Whether two plain values are the same, whatever classes and prototypes their objects have.

export function expectEqual(found, expected, where) {
  if (typeof expected !== "object" || expected === null) {
    if (!Object.is(found, expected)) throw new Error(`${where}: expected ${expected}, found ${found}`);
    return;
  }
  if (typeof found !== "object" || found === null) throw new Error(`${where}: expected an object, found ${found}`);
  if (Array.isArray(expected) && found.length !== expected.length) {
    throw new Error(`${where}: expected ${expected.length} elements, found ${found.length}`);
  }
  for (const key of Object.keys(expected)) expectEqual(found[key], expected[key], `${where}.${key}`);
}
