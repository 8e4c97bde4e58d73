import { OptionsError } from "./errors.ts";
import { nearestName } from "./nearest.ts";
import { numberOptions, optionNames, queryOptions } from "./option-rules.ts";
import { refuseUnknown, validateNumber } from "./validate.ts";

/** What a URL says. Names that it does not mention are absent. */
export interface UrlOptions {
  /** Whether the scheme asks for TLS. */
  secure: boolean;
  /** Options by name, values of the right type but not checked. */
  options: Record<string, unknown>;
  kind: UrlKind;
  /** The nodes of a cluster, or the sentinels: `{ host, port }`, not checked. */
  nodes: Record<string, unknown>[];
  /** The name that the sentinels know the primary by; empty elsewhere. */
  name: string;
}

/** What a URL leads to. */
export type UrlKind = "server" | "unix" | "cluster" | "sentinel";

type Scheme = { readonly secure: boolean; readonly kind: UrlKind };

const schemes: ReadonlyMap<string, Scheme> = new Map([
  ["redis", { secure: false, kind: "server" }],
  ["rediss", { secure: true, kind: "server" }],
  ["valkey", { secure: false, kind: "server" }],
  ["valkeys", { secure: true, kind: "server" }],
  ["redis+unix", { secure: false, kind: "unix" }],
  ["valkey+unix", { secure: false, kind: "unix" }],
  ["unix", { secure: false, kind: "unix" }],
  ["redis+cluster", { secure: false, kind: "cluster" }],
  ["rediss+cluster", { secure: true, kind: "cluster" }],
  ["valkey+cluster", { secure: false, kind: "cluster" }],
  ["valkeys+cluster", { secure: true, kind: "cluster" }],
  ["redis+sentinel", { secure: false, kind: "sentinel" }],
  ["rediss+sentinel", { secure: true, kind: "sentinel" }],
  ["valkey+sentinel", { secure: false, kind: "sentinel" }],
  ["valkeys+sentinel", { secure: true, kind: "sentinel" }],
]);

const expected = "expected redis://[[user][:password]@]host[:port][/db] or unix:///path/to.sock";

/**
 * Reads a URL. It is taken apart by hand and not by `URL`, whose errors hold the whole text, password and all, and
 * which lets a mistyped port become part of the host.
 *
 * @throws OptionsError that never holds the user or the password
 */
export function parseUrl(text: string): UrlOptions {
  const parts = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(#[^]*)?$/.exec(text);
  if (parts === null) throw fail(text, `not a URL; ${expected}`);
  const [, name = "", authority = "", path = "", query, fragment] = parts;
  const scheme = schemes.get(name.toLowerCase());
  if (scheme === undefined) throw fail(text, `unknown scheme; ${schemeHint(name)}`);
  const split = authority.lastIndexOf("@");
  // A "/", "?" or "#" in a password ends the authority early, and the "@" is left over behind it.
  const stray = split === -1 && (scheme.kind === "unix" ? authority !== "" : path.includes("@"));
  if (stray || query?.includes("@") || fragment !== undefined) {
    throw fail(text, "write / ? # and @ within the user, the password and values as %2F %3F %23 and %40");
  }
  const options: Record<string, unknown> = {};
  if (split !== -1) readUser(text, authority.slice(0, split), options);
  const place = authority.slice(split + 1);
  const read: UrlOptions = { secure: scheme.secure, options, kind: scheme.kind, nodes: [], name: "" };
  if (scheme.kind === "unix") readSocketPath(text, place, path, options);
  else if (scheme.kind === "server") readServer(text, place, path, options);
  else readNodes(text, place, path, read);
  if (query) readQuery(text, query, options);
  return read;
}

function schemeHint(name: string): string {
  const near = nearestName(name, schemes.keys());
  return near === null ? `known are ${[...schemes.keys()].join(", ")}` : `did you mean ${near}://?`;
}

/** What a URL leads to, by its scheme; `server` where that is not known. */
export function urlKind(text: string): UrlKind {
  const name = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1] ?? "";
  return schemes.get(name.toLowerCase())?.kind ?? "server";
}

/** The URL as it may be shown: without user, password and values, and only as far as it is well-formed. */
export function redactUrl(text: string): string {
  const parts = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^]*)$/.exec(text);
  if (text === "") return "an empty string";
  if (parts === null || !schemes.has(parts[1]!.toLowerCase())) return `a string of ${text.length} characters`;
  const rest = parts[2]!;
  const split = rest.lastIndexOf("@");
  const behind = rest.slice(split + 1).replace(/[?#][^]*$/, "");
  const user = split === -1 ? "" : "***@";
  // Without "@", a "word:word" may well be user and password.
  const plain = /^(\[[\da-fA-F:.]+\]|[\w.-]*)(:\d{1,5})?(\/\d{0,5})?$/.test(behind) || isPlainList(behind);
  return `${parts[1]}://${user}${plain ? behind : "…"}`;
}

/** Several hosts, each with a port: nothing in it can be a password. */
function isPlainList(text: string): boolean {
  return /^[\w.-]+:\d{1,5}(,[\w.-]+:\d{1,5})+(\/[\w.-]{0,40})?(\/\d{0,5})?$/.test(text);
}

function fail(text: string, reason: string): OptionsError {
  return new OptionsError("url", `url ${redactUrl(text)} is refused: ${reason}`);
}

function decode(text: string, piece: string, what: string): string {
  try {
    return decodeURIComponent(piece);
  } catch {
    throw fail(text, `the ${what} holds a "%" that is not followed by the two digits of a byte; write % as %25`);
  }
}

function readUser(text: string, user: string, options: Record<string, unknown>): void {
  const colon = user.indexOf(":");
  const name = colon === -1 ? user : user.slice(0, colon);
  if (name !== "") options["username"] = decode(text, name, "user");
  if (colon === -1) {
    if (name !== "") throw fail(text, "there is a user but no password; a password alone is written :password@");
    return;
  }
  options["password"] = decode(text, user.slice(colon + 1), "password");
}

function readServer(text: string, place: string, path: string, options: Record<string, unknown>): void {
  if (place.includes(","))
    throw fail(text, "several hosts are those of a cluster or of sentinels: redis+cluster:// or redis+sentinel://");
  readHost(text, place, options);
  readDb(text, path, options);
}

/** `a:7000,b:7001`, for sentinels with `/name` and `/db`. */
function readNodes(text: string, place: string, path: string, read: UrlOptions): void {
  for (const each of place.split(",")) {
    const node: Record<string, unknown> = {};
    readHost(text, each, node);
    read.nodes.push(node);
  }
  if (read.kind === "cluster") {
    if (path !== "" && path !== "/" && path !== "/0") throw fail(text, "a cluster has database 0 only");
    return;
  }
  const parts = /^\/([^/]+)(\/[^/]*)?$/.exec(path);
  if (parts === null)
    throw fail(
      text,
      "the path must be the name that the sentinels know the primary by: redis+sentinel://a:26379/mymaster",
    );
  read.name = decode(text, parts[1] as string, "name");
  readDb(text, parts[2] ?? "", read.options);
}

function readHost(text: string, place: string, options: Record<string, unknown>): void {
  const parts = /^(\[[^\]]*\]|[^:]*)(?::([^]*))?$/.exec(place);
  if (parts === null) throw fail(text, "the host is not a name, an IPv4 address or an IPv6 address in brackets");
  const host = decode(text, parts[1]!, "host");
  if (host !== "") options["host"] = host.startsWith("[") ? host.slice(1, -1) : host;
  if (parts[2]) {
    // Not shown: "redis://user:password" has its password here.
    const port = /^\d{1,5}$/.test(parts[2]) ? Number(parts[2]) : 0;
    if (port < 1 || port > 65_535) throw fail(text, "the port must be a number from 1 to 65535");
    options["port"] = port;
  }
}

function readDb(text: string, path: string, options: Record<string, unknown>): void {
  if (path === "" || path === "/") return;
  const db = /^\/(\d{1,10})$/.exec(path);
  if (db === null) throw fail(text, "the path must be the number of a database, such as /0");
  options["db"] = validateNumber("db", Number(db[1]), numberOptions.db);
}

function readSocketPath(text: string, place: string, path: string, options: Record<string, unknown>): void {
  if (place !== "") throw fail(text, "a unix socket's path is absolute, after three slashes: unix:///run/redis.sock");
  if (path === "" || path === "/") throw fail(text, "the path of the unix socket is missing: unix:///run/redis.sock");
  options["path"] = decode(text, path, "path");
}

function readQuery(text: string, query: string, options: Record<string, unknown>): void {
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decode(text, equals === -1 ? pair : pair.slice(0, equals), "query");
    if (!queryOptions.includes(name)) refuseParameter(text, name);
    const value = equals === -1 ? "" : decode(text, pair.slice(equals + 1), "query");
    if (value === "") throw new OptionsError(name, `${name} in the URL has no value: write ${name}=…, or leave it out`);
    if (name in options) throw new OptionsError(name, `${name} is given twice in the URL: leave one of them out`);
    options[name] = readValue(name, value);
  }
}

function refuseParameter(text: string, name: string): never {
  if ((optionNames as readonly string[]).includes(name)) {
    throw fail(text, `${name} cannot stand in the query; pass it as an option, or put it in its own place in the URL`);
  }
  refuseUnknown("URL parameter", name, queryOptions);
}

/** Numbers and booleans become what they say; everything else stays text, for the option's own check to refuse. */
function readValue(name: string, value: string): unknown {
  if (name === "clientName") return value;
  if (value === "true") return true;
  if (value === "false") return false;
  if (value === "Infinity" || /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  return value;
}
