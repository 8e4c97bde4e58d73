import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { systemClock } from "../../src/base/clock.ts";
import { resolveOptions } from "../../src/base/options.ts";
import { buildCall } from "../../src/commands/call.ts";
import { cleanUp } from "../../src/connection/handshake.ts";
import type { Connection } from "../../src/connection/connection.ts";
import { openConnection } from "../../src/connection/open.ts";
import { SocketDialler } from "../../src/connection/socket.ts";
import { ConnectionPool, Redis } from "../../src/index.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";

const server = sharedServer();

/** What a borrower may do to a session, with refused and malformed forms. */
const COMMANDS: readonly (readonly (string | number)[])[] = [
  ["SELECT", 1],
  ["SELECT", 0],
  ["SELECT", 99],
  ["SELECT", 1, 2],
  ["WATCH", "session:a"],
  ["WATCH", "session:b"],
  ["WATCH"],
  ["UNWATCH"],
  ["MULTI"],
  ["MULTI"],
  ["MULTI", "x"],
  ["EXEC"],
  ["EXEC"],
  ["EXEC", "x"],
  ["DISCARD"],
  ["DISCARD", "x"],
  ["SET", "session:a", "v"],
  ["GET"],
  ["NOSUCHCOMMAND"],
  ["ECHO", "hi"],
  ["EVAL", "return redis.call('select', 2)", 0],
  ["CLIENT", "SETNAME", "borrower"],
  ["CLIENT", "TRACKING", "ON"],
  ["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "session:"],
  ["CLIENT", "TRACKING", "OFF"],
  ["CLIENT", "CACHING", "YES"],
  ["CLIENT", "NO-EVICT", "ON"],
  ["AUTH", "guest", "guest-pw"],
  ["AUTH", "guest", "wrong"],
  ["HELLO", 2],
  ["HELLO", 3, "AUTH", "guest", "guest-pw", "SETNAME", "borrower"],
  ["READONLY"],
  ["RESET"],
];

/** The server's own view of a connection's session. */
async function sessionOf(raw: RawClient, connection: Connection): Promise<string> {
  const line = String(await raw.command("CLIENT", "LIST", "ID", connection.info.id));
  const fields = ["name", "flags", "db", "sub", "psub", "ssub", "multi", "redir", "resp", "user"];
  return fields.map((field) => new RegExp(`\\b${field}=(\\S*)`).exec(line)?.[0] ?? "").join(" ");
}

/** Whether a key that the borrower may have watched still spoils a transaction of the next one. */
async function watchesNothing(raw: RawClient, connection: Connection): Promise<boolean> {
  for (const db of [0, 1]) {
    await raw.command("SELECT", db);
    for (const key of ["session:a", "session:b"])
      await raw.command("INCR", `${key}`).catch(() => raw.command("DEL", key));
  }
  const replies = await Promise.all(["MULTI", "PING", "EXEC"].map((name) => connection.execute(buildCall(name, []))));
  return Array.isArray(replies[2]);
}

test("whatever a borrower does, the session is as it was where the shadow calls it clean, and after its repair or reset", async () => {
  using raw = await connectRaw(server());
  await raw.command("ACL", "SETUSER", "guest", "on", ">guest-pw", "+@all", "~*", "&*");
  const options = resolveOptions({ port: server().port, clientName: "lender" });
  const { signal } = new AbortController();
  const open = (): Promise<Connection> => openConnection(options, new SocketDialler(options), systemClock, signal);
  let connection = await open();
  const home = await sessionOf(raw, connection);
  const verdicts = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...COMMANDS), { maxLength: 10 }), async (commands) => {
      if (!connection.isOpen) connection = await open();
      const sent = commands.map(([name, ...args]) => connection.execute(buildCall(String(name), args)));
      await Promise.allSettled(sent);
      const { cleanup } = connection.session;
      verdicts.add(cleanup);
      if (cleanup === "destroy") return connection.close("unclean");
      if (cleanup !== "clean") assert.equal(await cleanUp(connection, options), true);
      const trace = commands.map((command) => command.join(" ")).join("; ");
      assert.equal(await sessionOf(raw, connection), home, `${cleanup} after ${trace}`);
      assert.ok(await watchesNothing(raw, connection), `${cleanup}, yet something is watched after ${trace}`);
    }),
    { numRuns: 300 },
  );
  assert.deepEqual([...verdicts].sort(), ["clean", "destroy", "repair", "reset"], "every way was taken");
  connection.close("closed");
});

test("an EXEC without MULTI leaves a WATCH behind, which is taken back before the next borrower", async () => {
  await using pool = new ConnectionPool({ port: server().port, maxConnections: 1 });
  await using other = new Redis(server().url);
  await pool.use(async (lease) => {
    await lease.watch("session:a");
    await assert.rejects(lease.call("EXEC"), /without MULTI/);
  });
  await pool.use(async (lease) => {
    await other.incr("session:counter");
    await other.set("session:a", "1");
    assert.deepEqual(await lease.multi().ping().exec(), ["PONG"]);
  });
});

test("a MULTI that is refused leaves a WATCH behind, which is taken back before the next borrower", async () => {
  await using other = new Redis(server().url);
  await other.call("ACL", "SETUSER", "nomulti", "on", ">pw", "+@all", "~*", "&*");
  await using pool = new ConnectionPool({
    port: server().port,
    username: "nomulti",
    password: "pw",
    maxConnections: 1,
  });
  await pool.use(async (lease) => {
    await other.call("ACL", "SETUSER", "nomulti", "-multi");
    await lease.watch("session:a");
    await assert.rejects(lease.multi().ping().exec(), { code: "NOPERM" });
  });
  await other.call("ACL", "SETUSER", "nomulti", "+multi");
  await pool.use(async (lease) => {
    await other.set("session:a", "2");
    assert.deepEqual(await lease.multi().ping().exec(), ["PONG"]);
  });
});
