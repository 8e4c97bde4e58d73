import { OptionsError } from "./errors.ts";
import { nodeOf } from "./addresses.ts";
import { defined, resolveOptions, type RedisOptions, type ResolvedOptions } from "./options.ts";
import { parseUrl } from "./url.ts";

/**
 * Checks the options of a server and its replicas, given by hand.
 *
 * @param primary the same options, resolved: those of the server itself
 * @returns the options of each replica
 * @throws OptionsError `ERR_OPTIONS`
 */
export function resolveReplicas(
  input: string | URL | RedisOptions | undefined,
  extra: RedisOptions | undefined,
  primary: ResolvedOptions,
): ResolvedOptions[] {
  const url = typeof input === "string" || input instanceof URL ? parseUrl(String(input)) : null;
  const given = defined(url?.options ?? (input as object | undefined) ?? {}, extra ?? {});
  const replicas = given["replicas"] as NonNullable<RedisOptions["replicas"]>;
  for (const name of ["path", "replicas"]) delete given[name];
  if (url?.secure === true) given["tls"] ??= true;
  for (const [index, replica] of replicas.entries()) {
    if (typeof replica !== "string" && !(replica instanceof URL)) continue;
    if (primary.tls === null && parseUrl(String(replica)).secure)
      throw new OptionsError(
        "tls",
        `replicas[${index}] asks for TLS, and the server has none: set tls, which holds for all`,
      );
  }
  return primary.replicas.map((endpoint, index) => {
    if (nodeOf(endpoint) === primary.node)
      throw new OptionsError("replicas", `replicas[${index}] is the server itself, ${primary.node}: leave it out`);
    return resolveOptions({ ...given, ...endpoint });
  });
}

/**
 * Refuses what only a client with replicas can do.
 *
 * @param what who has the options
 */
export function refuseReplicas(options: ResolvedOptions, what: string, remedy: string): void {
  const option = options.replicas.length > 0 ? "replicas" : options.readFrom !== "primary" ? "readFrom" : null;
  if (option === null) return;
  const value = option === "readFrom" ? ` "${options.readFrom}"` : "";
  throw new OptionsError(option, `${option}${value} is refused: ${what}: ${remedy}`);
}
