import { createRequire } from "node:module";
import { OptionsError } from "../index.ts";

const requireFrom = createRequire(import.meta.url);

/**
 * Loads a package that only some programs need.
 *
 * @param what needs it, for the error's text
 * @throws OptionsError when it is not installed, or cannot be loaded
 */
export function peer<T>(name: string, what: string): T {
  try {
    return requireFrom(name) as T;
  } catch (cause) {
    const isMissing = (cause as { code?: unknown } | null)?.code === "MODULE_NOT_FOUND";
    const text = isMissing ? `the package ${name}: npm install ${name}` : `the package ${name}, which cannot be loaded`;
    throw new OptionsError(name, `${what} needs ${text}`, { cause });
  }
}
