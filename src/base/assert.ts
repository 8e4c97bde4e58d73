/**
 * Checks a promise the code makes to itself, at a seam between two parts.
 *
 * @throws Error when the condition is false: always a defect of respool, never of its user
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`respool internal error: ${message}`);
}
