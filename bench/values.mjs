/** The value of key number `index`: 64 bytes that name the key, so that a reply to another caller shows. */
export function valueOf(index) {
  return `value-of-${index}-`.padEnd(64, "x");
}
