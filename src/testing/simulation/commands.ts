import type { Session } from "./session.ts";
import type { Database } from "./store.ts";
import { Failure, OK, Status, type WireReply } from "./wire.ts";

/** The server, as its commands see it. */
export interface CommandHost {
  readonly sessions: ReadonlyMap<number, Session>;
  readonly maxClients: number;
  readonly address: string;
  database(index: number): Database;
  /** Wakes who is blocked on a key. */
  pushed(db: number, key: string): void;
  /** Lets a session wait; null for no limit, else ms. */
  block(
    session: Session,
    keys: readonly string[],
    limit: number | null,
    take: (key: string) => WireReply | undefined,
  ): void;
  unblock(session: Session, reply: WireReply): void;
  /** An element was popped by this command's arguments. */
  taken(element: string, args: readonly string[]): void;
  end(session: Session): void;
}

/** Answers a command; undefined when the answer comes later, or in another form. */
export type Command = (args: readonly string[], session: Session, host: CommandHost) => WireReply | undefined;

const SYNTAX = new Failure("ERR syntax error");
const NOT_A_NUMBER = new Failure("ERR value is not an integer or out of range");

const first = (args: readonly string[]): string => args[0] ?? "";
const base = (session: Session, host: CommandHost): Database => host.database(session.db);

function add(args: readonly string[], by: number, session: Session, host: CommandHost): WireReply {
  const database = base(session, host);
  const sum = Number(database.text(first(args)) ?? "0") + by;
  if (!Number.isSafeInteger(sum)) return NOT_A_NUMBER;
  database.set(first(args), String(sum));
  return sum;
}

function push(args: readonly string[], atHead: boolean, session: Session, host: CommandHost): WireReply {
  const [key = "", ...elements] = args;
  const database = base(session, host);
  const list = [...(database.list(key) ?? [])];
  for (const element of elements) {
    if (atHead) list.unshift(element);
    else list.push(element);
  }
  database.set(key, list);
  host.pushed(session.db, key);
  return list.length;
}

function pop(database: Database, key: string, atHead: boolean): string | undefined {
  const list = database.list(key);
  if (list === undefined || list.length === 0) return undefined;
  const rest = [...list];
  const element = atHead ? rest.shift() : rest.pop();
  database.set(key, rest);
  return element;
}

function blockingPop(
  args: readonly string[],
  atHead: boolean,
  session: Session,
  host: CommandHost,
): WireReply | undefined {
  const keys = args.slice(0, -1);
  const database = base(session, host);
  const take = (key: string): WireReply | undefined => {
    const element = pop(database, key, atHead);
    if (element === undefined) return undefined;
    host.taken(element, args);
    return [key, element];
  };
  for (const key of keys) {
    const taken = take(key);
    if (taken !== undefined) return taken;
  }
  const seconds = Number(args.at(-1));
  if (session.queue !== null) return null; // inside EXEC it never blocks
  host.block(session, keys, seconds === 0 ? null : seconds * 1000, take);
  return undefined;
}

function hello(args: readonly string[], session: Session): WireReply {
  const [version, ...rest] = args;
  if (version !== undefined) {
    if (version !== "2" && version !== "3") return new Failure("NOPROTO unsupported protocol version");
    session.protocol = version === "3" ? 3 : 2;
  }
  const name = rest.findIndex((word) => word.toUpperCase() === "SETNAME");
  if (name !== -1) session.name = rest[name + 1] ?? "";
  return {
    map: [
      ["server", "redis"],
      ["version", "7.0.15"],
      ["proto", session.protocol],
      ["id", session.id],
      ["mode", "standalone"],
      ["role", "master"],
      ["modules", []],
    ],
  };
}

function client(args: readonly string[], session: Session, host: CommandHost): WireReply | undefined {
  const other = host.sessions.get(Number(args[1]));
  switch (first(args).toUpperCase()) {
    case "ID":
      return session.id;
    case "SETNAME":
      session.name = args[1] ?? "";
      return OK;
    case "UNBLOCK":
      if (other === undefined || other.blocked === null) return 0;
      host.unblock(other, null);
      return 1;
    case "REPLY":
      session.answers = first(args.slice(1)).toLowerCase() as Session["answers"];
      return session.answers === "on" ? OK : undefined;
    case "TRACKING":
      session.tracking = args[1]?.toUpperCase() === "ON";
      return OK;
    case "KILL":
      if (other === undefined) return 0;
      host.end(other);
      return 1;
    default:
      return new Failure(`ERR unknown subcommand '${first(args)}'. Try CLIENT HELP.`);
  }
}

function subscribe(kind: "channels" | "patterns", on: boolean): Command {
  const word = `${kind === "patterns" ? "p" : ""}${on ? "" : "un"}subscribe`;
  return (args, session) => {
    const names = args.length > 0 || on ? args : [...session[kind]];
    for (const name of names) {
      if (on) session[kind].add(name);
      else session[kind].delete(name);
      session.push([word, name, session.subscriptions]);
    }
    if (names.length === 0) session.push([word, null, session.subscriptions]);
    return undefined;
  };
}

function publish(args: readonly string[], _session: Session, host: CommandHost): WireReply {
  const [channel = "", payload = ""] = args;
  let receivers = 0;
  for (const session of host.sessions.values()) {
    if (session.channels.has(channel)) {
      receivers++;
      session.push(["message", channel, payload]);
      session.flush();
    }
    for (const pattern of session.patterns) {
      if (!channel.startsWith(pattern.replace(/\*$/, ""))) continue;
      receivers++;
      session.push(["pmessage", pattern, channel, payload]);
      session.flush();
    }
  }
  return receivers;
}

function set(args: readonly string[], session: Session, host: CommandHost): WireReply {
  const [key = "", value = "", ...words] = args;
  const upper = words.map((word) => word.toUpperCase());
  if (upper.some((word) => word !== "NX" && word !== "XX")) return SYNTAX;
  const exists = base(session, host).has(key);
  if ((upper.includes("NX") && exists) || (upper.includes("XX") && !exists)) return null;
  base(session, host).set(key, value);
  return OK;
}

function mset(args: readonly string[], session: Session, host: CommandHost): WireReply {
  if (args.length === 0 || args.length % 2 > 0) return new Failure("ERR wrong number of arguments for 'mset' command");
  for (let at = 0; at < args.length; at += 2) base(session, host).set(args[at] as string, args[at + 1] as string);
  return OK;
}

function scan(args: readonly string[], database: Database, host: CommandHost): WireReply {
  const [cursor = "0", ...words] = args;
  let count = 10;
  let prefix = "";
  for (let at = 0; at + 1 < words.length; at += 2) {
    const word = (words[at] as string).toUpperCase();
    if (word === "COUNT") count = Number(words[at + 1]);
    else if (word === "MATCH") prefix = (words[at + 1] as string).replace(/\*$/, "");
    else return SYNTAX;
  }
  const [next, keys] = database.scan(Number(cursor), count, host.address);
  return [String(next), keys.filter((key) => key.startsWith(prefix))];
}

/** What the simulated server can do; the names are in capitals. */
export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  [
    "PING",
    (args, session) =>
      session.protocol === 2 && session.subscriptions > 0 ? ["pong", first(args)] : (args[0] ?? new Status("PONG")),
  ],
  ["ECHO", (args) => first(args)],
  ["HELLO", hello],
  ["AUTH", () => OK],
  ["CLIENT", client],
  ["SELECT", (args, session) => select(args, session)],
  ["RESET", (_args, session) => (session.reset(), new Status("RESET"))],
  ["INFO", (_args, _session, host) => `connected_clients:${host.sessions.size}\r\nmaxclients:${host.maxClients}\r\n`],
  ["GET", (args, session, host) => base(session, host).text(first(args)) ?? null],
  ["MGET", (args, session, host) => args.map((key) => base(session, host).text(key) ?? null)],
  ["SET", set],
  ["DEL", (args, session, host) => args.filter((key) => base(session, host).delete(key)).length],
  ["UNLINK", (args, session, host) => args.filter((key) => base(session, host).delete(key)).length],
  ["MSET", mset],
  ["TOUCH", (args, session, host) => args.filter((key) => base(session, host).has(key)).length],
  ["EXISTS", (args, session, host) => args.filter((key) => base(session, host).has(key)).length],
  ["INCR", (args, session, host) => add(args, 1, session, host)],
  ["INCRBY", (args, session, host) => add(args, Number(args[1]), session, host)],
  ["LPUSH", (args, session, host) => push(args, true, session, host)],
  ["RPUSH", (args, session, host) => push(args, false, session, host)],
  ["LPOP", (args, session, host) => pop(base(session, host), first(args), true) ?? null],
  ["LLEN", (args, session, host) => base(session, host).list(first(args))?.length ?? 0],
  ["LRANGE", (args, session, host) => lrange(args, base(session, host))],
  ["BLPOP", (args, session, host) => blockingPop(args, true, session, host)],
  ["BRPOP", (args, session, host) => blockingPop(args, false, session, host)],
  ["HSET", (args, session, host) => hset(args, base(session, host))],
  ["HGETALL", (args, session, host) => ({ map: [...(base(session, host).hash(first(args)) ?? [])] })],
  ["DBSIZE", (_args, session, host) => base(session, host).size],
  ["SCAN", (args, session, host) => scan(args, base(session, host), host)],
  ["FLUSHALL", (_args, _session, host) => (host.database(0).clear(), OK)],
  ["WATCH", (args, session, host) => watch(args, session, host)],
  ["UNWATCH", (_args, session) => (session.watched.clear(), OK)],
  ["SUBSCRIBE", subscribe("channels", true)],
  ["UNSUBSCRIBE", subscribe("channels", false)],
  ["PSUBSCRIBE", subscribe("patterns", true)],
  ["PUNSUBSCRIBE", subscribe("patterns", false)],
  ["PUBLISH", publish],
]);

function select(args: readonly string[], session: Session): WireReply {
  const index = Number(first(args));
  if (!Number.isInteger(index) || index < 0 || index > 15) return new Failure("ERR DB index is out of range");
  session.db = index;
  return OK;
}

function watch(args: readonly string[], session: Session, host: CommandHost): WireReply {
  for (const key of args) {
    const name = `${session.db}:${key}`;
    if (!session.watched.has(name)) session.watched.set(name, host.database(session.db).version(key));
  }
  return OK;
}

function lrange(args: readonly string[], database: Database): WireReply {
  const list = database.list(first(args)) ?? [];
  const index = (text: string | undefined): number => (Number(text) < 0 ? list.length + Number(text) : Number(text));
  return list.slice(Math.max(0, index(args[1])), index(args[2]) + 1);
}

function hset(args: readonly string[], database: Database): WireReply {
  const [key = "", ...pairs] = args;
  const hash = new Map(database.hash(key) ?? []);
  const before = hash.size;
  for (let at = 0; at + 1 < pairs.length; at += 2) hash.set(pairs[at] as string, pairs[at + 1] as string);
  database.set(key, hash);
  return hash.size - before;
}

/** Whether a watched key has changed. */
export function isDirty(session: Session, host: CommandHost): boolean {
  for (const [name, version] of session.watched) {
    const at = name.indexOf(":");
    if (host.database(Number(name.slice(0, at))).version(name.slice(at + 1)) !== version) return true;
  }
  return false;
}
