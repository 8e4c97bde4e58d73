import type { Request } from "../../commands/request.ts";

/** They read without a certain option, but are writes for the server in any case: a replica refuses them. */
const REFUSED: ReadonlySet<string> = new Set(["BITFIELD", "GEORADIUS", "GEORADIUSBYMEMBER", "GETEX", "SORT"]);

/** Whether a replica can answer: it reads keys and no more. What has no key is a question to the primary itself. */
export function isReadable(request: Request): boolean {
  if (request.effect !== "read") return false;
  if (request.parts !== null) return request.parts.every(isReadable);
  return request.spec.keys.length > 0 && !REFUSED.has(request.spec.name);
}
