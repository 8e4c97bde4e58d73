import { isIPv6 } from "node:net";
import { OptionsError } from "./errors.ts";
import { numberOptions } from "./option-rules.ts";
import type { Endpoint, TcpEndpoint } from "./transport.ts";
import { parseUrl } from "./url.ts";
import { refuse, validateNumber, validateObject } from "./validate.ts";

/** Where one of several servers is. */
export interface NodeAddress {
  /** Name or address. Default `localhost`. */
  host?: string | undefined;
  /** TCP port. Default 6379; of a sentinel 26379. */
  port?: number | undefined;
}

/** Options by name, not checked. */
export type Given = Record<string, unknown>;

/** Checks where a server is: `host` and `port`, or `path`. */
export function resolveEndpoint(given: Given): Endpoint {
  if ("path" in given) {
    const other = "host" in given ? "host" : "port" in given ? "port" : null;
    if (other !== null) throw new OptionsError("path", `path and ${other} exclude each other: leave one of them out`);
    const { path } = given;
    if (typeof path !== "string" || path === "" || path.includes("\0")) {
      refuse("path", "the path of a unix socket, without a NUL", path);
    }
    return Object.freeze({ path });
  }
  return resolveAddress(given, numberOptions.port.default);
}

/** Checks host and port. */
export function resolveAddress(given: Given, defaultPort: number): TcpEndpoint {
  const host = given["host"] === undefined ? "localhost" : resolveHost(given["host"]);
  const port = given["port"] === undefined ? defaultPort : validateNumber("port", given["port"], numberOptions.port);
  return Object.freeze({ host, port });
}

/** Checks a list of servers: each a URL that says no more than where it is, beside what is `allowed`, or `{ host, port }`. */
export function resolveAddresses(
  option: string,
  value: unknown,
  defaultPort: number,
  allowed: readonly string[] = [],
): TcpEndpoint[] {
  if (!Array.isArray(value)) refuse(option, "an array of URLs or { host, port }", value);
  return value.map((each: unknown, index) => {
    const name = `${option}[${index}]`;
    if (typeof each !== "string" && !(each instanceof URL))
      return resolveAddress(validateObject(name, each, ["host", "port"]), defaultPort);
    if (!String(each).includes("://")) refuse(name, "a URL such as redis://host:7000, or { host, port }", each);
    const { options, kind } = parseUrl(String(each));
    const more = Object.keys(options).filter((key) => !["host", "port", ...allowed].includes(key));
    if (kind === "server" && more.length === 0) return resolveAddress(options, defaultPort);
    const remedy = "database, user, password and all else hold for every node: set them in the options";
    throw new OptionsError(name, `${name} must say where a node is and no more, such as redis://host:7000: ${remedy}`);
  });
}

/** How a server is called in messages and statistics: `host:port`, or the path of its unix socket. */
export function nodeOf(endpoint: Endpoint): string {
  if ("path" in endpoint) return endpoint.path;
  const { host, port } = endpoint;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function resolveHost(host: unknown): string {
  const expected = "a host name or an address";
  if (typeof host !== "string") refuse("host", expected, host);
  if (host === "") refuse("host", expected, host, "leave it out for localhost");
  if (host.includes("://")) refuse("host", expected, host, "pass a URL as the first argument instead");
  if (/[[\]]/.test(host)) refuse("host", expected, host, "leave the brackets of an IPv6 address out");
  if (/^[^:]*:\d+$/.test(host)) refuse("host", expected, host, "pass the port as an option of its own");
  if (/[\s/@?#%\0]/.test(host.replace(/%\w+$/, "")) || (host.includes(":") && !isIPv6(host))) {
    refuse("host", expected, host);
  }
  return host;
}
