import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, type Lease } from "../../src/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";

const server = sharedServer();

/** What CLIENT INFO says of a session, without what changes by itself. */
async function session(lease: Lease): Promise<Record<string, string>> {
  const info = String(await lease.call("CLIENT", "INFO"));
  const fields = Object.fromEntries(
    info
      .trim()
      .split(" ")
      .map((field) => field.split(/=(.*)/s)),
  );
  const told = ["name", "flags", "db", "sub", "psub", "ssub", "multi", "watch", "user", "redir", "resp", "lib-name"];
  return Object.fromEntries(told.flatMap((name) => (fields[name] === undefined ? [] : [[name, String(fields[name])]])));
}

const ignore = (): void => {};

/** What a borrower may leave behind; errors of the commands are its own business. */
const dirt: Record<string, (lease: Lease) => Promise<unknown>> = {
  SELECT: (lease) => lease.select(3),
  "SELECT written in one word": (lease) => lease.call("select 3"),
  "SELECT with its database as bytes": (lease) => lease.call("SELECT", Buffer.from("3")),
  "SELECT in a pipeline": (lease) => lease.pipeline().select(3).get("k").exec(),
  "SELECT in a transaction": (lease) => lease.multi().select(3).get("k").exec(),
  "a SELECT back home in a transaction that was not applied": async (lease) => {
    await lease.select(3);
    await lease.watch("watched");
    using other = await connectRaw(server());
    await other.command("SELECT", 3);
    await other.command("INCR", "watched");
    await assert.rejects(lease.multi().select(0).exec(), { code: "ERR_WATCH" });
  },
  "a SELECT in a MULTI block within a MULTI": async (lease) => {
    await lease.call("MULTI");
    await lease.multi().select(3).exec().catch(ignore);
  },
  "a SELECT queued in a MULTI that is executed by hand": async (lease) => {
    await lease.call("MULTI");
    await lease.select(3);
    await lease.call("EXEC");
  },
  WATCH: (lease) => lease.watch("k"),
  MULTI: (lease) => lease.call("MULTI"),
  "MULTI with a command queued": async (lease) => {
    await lease.call("MULTI");
    await lease.call("SET", "from multi", "1");
  },
  "MULTI with a broken command queued": async (lease) => {
    await lease.call("MULTI");
    await lease.call("SET", "too few").catch(ignore);
  },
  "WATCH and MULTI and SELECT": async (lease) => {
    await lease.watch("k");
    await lease.call("MULTI");
    await lease.select(2);
  },
  "AUTH as another user": (lease) => lease.auth("guest-password", { username: "guest" }),
  "AUTH as a user that may do nothing": (lease) => lease.auth("nobody-password", { username: "nobody" }),
  "a refused AUTH": (lease) => lease.auth("wrong", { username: "guest" }).catch(ignore),
  "HELLO as another user": (lease) => lease.call("HELLO", "3", "AUTH", "guest", "guest-password"),
  "a refused HELLO that has logged in already": (lease) =>
    lease.call("HELLO", "3", "AUTH", "guest", "guest-password", "SETNAME", "not a name").catch(ignore),
  "HELLO 2": (lease) => lease.call("HELLO", "2"),
  RESET: (lease) => lease.call("RESET"),
  "CLIENT REPLY OFF": (lease) => lease.client.reply("OFF"),
  "CLIENT REPLY OFF and commands": async (lease) => {
    await lease.client.reply("OFF");
    assert.deepEqual(await Promise.all([lease.set("unanswered", "1"), lease.hgetall("none")]), [null, null]);
  },
  "CLIENT REPLY SKIP": (lease) => lease.client.reply("SKIP"),
  "CLIENT REPLY OFF with its mode as bytes": (lease) => lease.call("CLIENT", Buffer.from("REPLY"), Buffer.from("OFF")),
  "CLIENT TRACKING ON": (lease) => lease.client.tracking("ON"),
  "CLIENT TRACKING ON in broadcast mode": (lease) => lease.client.tracking("ON", { bcast: true }),
  "CLIENT TRACKING ON with a key that is changed afterwards": async (lease) => {
    await lease.client.tracking("ON");
    await lease.get("tracked");
    using other = await connectRaw(server());
    await other.command("INCR", "tracked");
  },
  "CLIENT SETNAME": (lease) => lease.client.setname("borrower"),
  "CLIENT SETNAME with its sub-command as bytes": (lease) => lease.call("CLIENT", Buffer.from("SETNAME"), "borrower"),
  "CLIENT NO-EVICT": (lease) => lease.call("CLIENT NO-EVICT", "ON"),
  SUBSCRIBE: (lease) => assert.rejects(lease.call("SUBSCRIBE", "ch"), { code: "ERR_OPTIONS", outcome: "not-sent" }),
  "SUBSCRIBE written in one word": (lease) =>
    assert.rejects(lease.call("SUBSCRIBE ch"), { code: "ERR_OPTIONS", outcome: "not-sent" }),
  READONLY: (lease) => lease.readonly().catch(ignore),
  MONITOR: (lease) => lease.call("MONITOR"),
  "SCRIPT DEBUG": (lease) => lease.script.debug("YES"),
  QUIT: (lease) => lease.call("QUIT"),
  "a BLPOP that is not over": async (lease) => {
    lease.blpop("empty", 0).catch(ignore);
    await sleep(5);
  },
};

for (const protocol of [3, 2] as const) {
  for (const [name, leave] of Object.entries(dirt)) {
    test(`${name} of one borrower never reaches the next one (RESP${protocol})`, async () => {
      using raw = await connectRaw(server());
      await raw.command("ACL", "SETUSER", "guest", "on", ">guest-password", "~*", "&*", "+@all");
      await raw.command("ACL", "SETUSER", "nobody", "on", ">nobody-password");
      await using pool = new ConnectionPool({
        port: server().port,
        protocol,
        maxConnections: 1,
        clientName: "library",
        acquireTimeout: 3000,
        commandTimeout: 3000,
      });
      const clean = await pool.use(session);
      const other = await connectRaw(server());
      await pool.use((lease) => leave(lease));
      const next = await pool.lease();
      try {
        assert.deepEqual(await session(next), clean);
        // Works as a fresh one: plain, in a transaction, with a script, and its replies are its own.
        await next.set("own", name);
        assert.deepEqual(await next.multi().get("own").incr("counter").exec(), [
          name,
          await next.get("counter").then(Number),
        ]);
        assert.equal(await next.call("EVAL", "return ARGV[1]", "0", "still a script"), "still a script");
        assert.equal(await next.acl.whoami(), "default");
        assert.equal(await other.command("GET", "from multi"), null);
      } finally {
        other.close();
        next.release();
      }
    });
  }
}

test("ten borrowers with all kinds of dirt on two connections never disturb one another", async () => {
  using raw = await connectRaw(server());
  await raw.command("ACL", "SETUSER", "guest", "on", ">guest-password", "~*", "&*", "+@all");
  await using pool = new ConnectionPool({ port: server().port, maxConnections: 2, acquireTimeout: 20_000 });
  const clean = await pool.use(session);
  const kinds = Object.entries(dirt).filter(([name]) => !/nobody|changed afterwards|not applied/.test(name));
  let next = 0;
  const borrower = async (): Promise<void> => {
    for (let kind = kinds[next++]; kind !== undefined; kind = kinds[next++]) {
      const [, leave] = kind;
      await pool.use(async (lease) => {
        assert.deepEqual(await session(lease), clean);
        await leave(lease);
      });
    }
  };
  await Promise.all(Array.from({ length: 10 }, borrower));
  assert.deepEqual(await pool.use(session), clean);
  const { total, idle, leased, repairing } = pool.stats();
  assert.equal(total, idle + leased + repairing);
});

test("plain repairs keep the connection, and only what cannot be repaired costs a new one", async () => {
  await using pool = new ConnectionPool({ port: server().port, maxConnections: 1, acquireTimeout: 3000 });
  const id = await pool.use((lease) => lease.client.id());
  for (const name of ["SELECT", "WATCH", "MULTI", "AUTH as another user", "CLIENT TRACKING ON", "CLIENT SETNAME"]) {
    await pool.use((lease) => (dirt[name] ?? ignore)(lease) as Promise<unknown>);
    assert.equal(await pool.use((lease) => lease.client.id()), id, name);
  }
  await pool.use((lease) => lease.call("MONITOR"));
  assert.notEqual(await pool.use((lease) => lease.client.id()), id);
  assert.deepEqual(pool.stats().closedBecause, { unclean: 1 });
});
