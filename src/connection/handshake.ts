import type { Credentials, ResolvedOptions } from "../base/options.ts";
import { ServerError } from "../base/errors.ts";
import { VERSION } from "../base/version.ts";
import { buildCall } from "../commands/call.ts";
import type { Request } from "../commands/request.ts";
import type { Arg } from "../commands/spec.ts";
import type { Reply, ReplyMap } from "../protocol/reply.ts";
import { handshakeErrorFrom } from "./connect-error.ts";
import type { Connection } from "./connection.ts";
import { NOTHING_KNOWN, type ServerInfo } from "./server-info.ts";

/** One command of the handshake. */
interface Step {
  readonly name: string;
  readonly args: readonly Arg[];
  /** An old server may refuse it, and nothing is lost. */
  readonly optional?: boolean;
  /** What its reply tells. */
  readonly learn?: (reply: Reply) => Partial<ServerInfo>;
}

/** HELLO is unknown before Redis 6, and RESP3 may be switched off behind a proxy. */
const NO_RESP3 = /unknown command|NOPROTO|unsupported protocol/i;

/**
 * The one list of what a fresh connection is told, for every transport, topology and protocol.
 * All steps go out in one write.
 */
function steps(options: ResolvedOptions, protocol: 2 | 3, credentials: Credentials | null): Step[] {
  const list: Step[] = [];
  const { clientName, db } = options;
  if (protocol === 3) {
    const auth = credentials === null ? [] : ["AUTH", credentials.username ?? "default", credentials.password];
    const name = clientName === null ? [] : ["SETNAME", clientName];
    list.push({ name: "HELLO", args: [3, ...auth, ...name], learn: fromHello });
  } else {
    if (credentials !== null) {
      list.push({ name: "AUTH", args: authArguments(credentials) });
    }
    if (clientName !== null) list.push({ name: "CLIENT", args: ["SETNAME", clientName] });
    list.push({
      name: "CLIENT",
      args: ["ID"],
      optional: true,
      learn: (id) => ({ id: typeof id === "number" ? id : 0 }),
    });
  }
  list.push({ name: "CLIENT", args: ["SETINFO", "LIB-NAME", "respool"], optional: true });
  list.push({ name: "CLIENT", args: ["SETINFO", "LIB-VER", VERSION], optional: true });
  // Not for database 0, where every connection begins: a user of few rights may not have this one.
  if (db !== 0) list.push({ name: "SELECT", args: [db] });
  // Refused where there is no cluster: then a replica reads for everybody anyway.
  if (options.readsReplica) list.push({ name: "READONLY", args: [], optional: true });
  return list;
}

function fromHello(reply: Reply): Partial<ServerInfo> {
  if (reply === null || typeof reply !== "object" || Array.isArray(reply)) return {};
  const hello = reply as ReplyMap;
  return {
    id: typeof hello["id"] === "number" ? hello["id"] : 0,
    version: typeof hello["version"] === "string" ? hello["version"] : "",
    protocol: 3,
    zone: typeof hello["availability_zone"] === "string" ? hello["availability_zone"] : "",
    role: typeof hello["role"] === "string" ? hello["role"] : "",
  };
}

/** Refusals that count whatever step they come to: the user is not logged in, or the server is full. */
const MUST_HEAR = /^NOAUTH|max number of clients/;

/** A refusal of HELLO that leaves RESP2 to try. */
class NoResp3 extends Error {}

async function run(connection: Connection, options: ResolvedOptions, list: readonly Step[]): Promise<ServerInfo> {
  const sent = list.map((step) => connection.execute(buildCall(step.name, step.args)));
  const settled = await Promise.allSettled(sent);
  let info: ServerInfo = NOTHING_KNOWN;
  for (const [index, step] of list.entries()) {
    const result = settled[index];
    if (result === undefined) continue;
    if (result.status === "fulfilled") {
      if (step.learn !== undefined) info = { ...info, ...step.learn(result.value as Reply) };
      continue;
    }
    const error: unknown = result.reason;
    if (!(error instanceof ServerError)) throw error;
    if (step.name === "HELLO" && NO_RESP3.test(error.message)) throw new NoResp3();
    if (step.optional === true && !MUST_HEAR.test(error.message)) continue;
    const label = step.name === "HELLO" && /WRONGPASS|NOAUTH|NOPERM/.test(error.code) ? "AUTH" : step.name;
    throw handshakeErrorFrom(label, error, options);
  }
  return info;
}

/** What to log in with; null where no password is used. The function is the user's, and may take its time or throw. */
export async function askCredentials(options: ResolvedOptions): Promise<Credentials | null> {
  return options.credentials === null ? null : options.credentials();
}

/**
 * Brings a connection into its session: protocol, user, name, database.
 *
 * @throws ConnectError where a step is refused; whatever the connection failed with
 */
export async function handshake(
  connection: Connection,
  options: ResolvedOptions,
  credentials: Credentials | null,
  protocol: 2 | 3 = options.protocol,
): Promise<void> {
  try {
    connection.credentials = credentials;
    connection.opened(await run(connection, options, steps(options, protocol, credentials)));
  } catch (error) {
    if (!(error instanceof NoResp3)) throw error;
    await handshake(connection, options, credentials, 2);
  }
}

/** AUTH as this server knows it: before Redis 6 it takes no user. */
function authArguments(credentials: Credentials): readonly Arg[] {
  const { username, password } = credentials;
  return username === undefined ? [password] : [username, password];
}

/** Logs a live connection in again, in order between its commands. `run` keeps the command's deadline. */
export async function reauthenticate(
  connection: Connection,
  credentials: Credentials,
  run: (request: Request) => Promise<unknown>,
): Promise<void> {
  await run(buildCall("AUTH", authArguments(credentials)));
  connection.credentials = credentials;
  connection.session.restored();
}

/**
 * Brings a connection that was given back into a clean session: in one round trip where that is enough, else by RESET and
 * a new handshake.
 *
 * @returns whether it is clean now
 */
export async function cleanUp(connection: Connection, options: ResolvedOptions): Promise<boolean> {
  const { session } = connection;
  if (session.cleanup === "destroy") return false;
  try {
    if (session.cleanup === "repair") {
      await Promise.all(session.repairs().map(([name, ...args]) => connection.execute(buildCall(name, args))));
    } else {
      await connection.execute(buildCall("RESET", []));
      await handshake(connection, options, await askCredentials(options));
    }
  } catch {
    // Whatever went wrong, the connection is not clean; its owner destroys it and counts that.
    return false;
  }
  session.restored();
  return connection.isQuiet;
}
