import type { Request } from "../commands/request.ts";

/** They read without a certain option, but are writes for the server in any case: a replica refuses them. */
const REFUSED: ReadonlySet<string> = new Set(["BITFIELD", "GEORADIUS", "GEORADIUSBYMEMBER", "GETEX", "SORT"]);

/**
 * Whether a replica can answer, and may: it reads keys and no more. What has no key is a question to the primary itself, and a transaction is
 * to see what was written before it.
 */
export function isReadable(request: Request): boolean {
  if (request.effect !== "read" || request.fromPrimary) return false;
  const { parts, spec } = request;
  if (parts !== null) return spec.name === "PIPELINE" && parts.every(isReadable);
  return spec.keys.length > 0 && !REFUSED.has(spec.name);
}
