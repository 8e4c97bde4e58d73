/** Brings the replies of all clients to one form, to compare them. */

/** The fields of an object, whatever its prototype, or of a Map. */
export function entriesOf(reply) {
  return reply instanceof Map ? [...reply] : Object.entries(reply);
}

/** `[a, 1, b, 2]` → `[[a, 1], [b, 2]]` */
export function inPairs(flat) {
  const pairs = [];
  for (let at = 0; at < flat.length; at += 2) pairs.push([flat[at], flat[at + 1]]);
  return pairs;
}
