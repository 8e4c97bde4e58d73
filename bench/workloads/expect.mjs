/** A reply that is not the right one ends the run: a fast wrong answer is worth nothing. */
export function expectSame(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what}: expected ${brief(expected)}, got ${brief(actual)}`);
}

/** Two arrays of strings, or of `[name, value]` pairs. */
export function expectList(actual, expected, what) {
  expectSame(actual.length, expected.length, `${what}: length`);
  for (let index = 0; index < expected.length; index++) {
    const [a, b] = [actual[index], expected[index]];
    if (!Array.isArray(b)) expectSame(a, b, `${what}[${index}]`);
    else for (let part = 0; part < b.length; part++) expectSame(a[part], b[part], `${what}[${index}]`);
  }
}

function brief(value) {
  const text = String(value);
  return text.length > 80 ? `${text.slice(0, 80)}… (${text.length} characters)` : text;
}
