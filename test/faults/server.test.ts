import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Lease, RedisOptions } from "../../src/index.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { assertClosed, assertUnharmed, assertWaited, faultTests } from "./play.ts";
import { PATIENT, type Scene } from "./scene.ts";

const server = sharedServer();
const file = import.meta.url;

/** Asks the server from outside, on a connection of its own. */
async function tell(scene: Scene, ...commands: readonly (readonly (string | number)[])[]): Promise<void> {
  using raw = await scene.raw();
  for (const command of commands) await raw.command(...command);
}

/** Ends connections of the client; the newest half of them, or so many. */
async function killSome(scene: Scene, count?: number): Promise<void> {
  using raw = await scene.raw();
  const ids = (await raw.clients()).map(({ id }) => Number(id)).sort((a, b) => b - a);
  for (const id of ids.slice(0, count ?? Math.ceil(ids.length / 2)))
    await raw.command("CLIENT", "KILL", "ID", id).catch(() => undefined);
}

function assertCode(scene: Scene, ...codes: readonly string[]): void {
  const seen = [...scene.oracle.codes, ...scene.connectFailures];
  assert.ok(
    seen.some(([code]) => codes.includes(code)),
    `nobody met ${codes.join(" or ")}, but ${JSON.stringify(seen)}`,
  );
}

const crowds = new WeakMap<Scene, RawClient[]>();

faultTests(
  file,
  {
    row: 18,
    name: "maxclients reached at HELLO",
    what: "what is open works on; leases beyond it wait, then fail as not sent and say why; no hot loop",
    direct: true,
    client: { acquireTimeout: 300 },
    capacity: 2,
    strike: async (scene) => {
      const crowd: RawClient[] = [];
      crowds.set(scene, crowd);
      for (;;) {
        const raw = await connectRaw(scene.server);
        const answer = await raw.command("PING").catch((error: Error) => error);
        if (answer !== "PONG") break;
        crowd.push(raw);
      }
      for (let count = 0; count < 6; count++) void scene.borrow();
      const { value } = await scene.oracle.perform("leases", 300 * 6, () =>
        Promise.allSettled(Array.from({ length: 6 }, () => scene.pool.lease())),
      );
      for (const one of value ?? []) {
        if (one.status === "fulfilled") one.value.release();
        else assert.match(String(one.reason.message), /maxclients|maxConnections/);
      }
    },
    end: (scene) => {
      for (const raw of crowds.get(scene) ?? []) raw.close();
    },
    felt: (scene) => {
      assertCode(scene, "ERR_CONNECT_MAX_CLIENTS");
      const attempts = scene.connectFailures.get("ERR_CONNECT_MAX_CLIENTS") ?? 0;
      assert.ok(attempts <= 12, `${attempts} attempts`);
    },
  },
  { config: { maxclients: 12 } },
);

faultTests(
  file,
  {
    row: 19,
    name: "maxclients lowered while connections are lost",
    what: "the pool stays as small as the server lets it, and works on",
    direct: true,
    capacity: 1,
    hold: 200,
    strike: async (scene) => {
      await scene.lend(3);
      // Nobody could come in later to raise the limit.
      const raw = await scene.raw();
      crowds.set(scene, [raw]);
      const ids = (await raw.clients()).map(({ id }) => Number(id));
      await raw.command("CONFIG", "SET", "maxclients", 3);
      for (const id of ids.slice(-2)) await raw.command("CLIENT", "KILL", "ID", id);
      await until(
        () => {
          for (let count = 0; count < 5; count++) void scene.borrow();
          return scene.connectFailures.has("ERR_CONNECT_MAX_CLIENTS");
        },
        { interval: 10, what: "the client meets the limit" },
      );
    },
    end: async (scene) => {
      for (const raw of crowds.get(scene) ?? []) {
        await raw.command("CONFIG", "SET", "maxclients", 1000);
        raw.close();
      }
    },
    felt: (scene) => assertCode(scene, "ERR_CONNECT_MAX_CLIENTS"),
  },
  {},
);

faultTests(
  file,
  {
    row: 20,
    name: "CLIENT KILL of half the connections",
    what: "the others work on; what was sent on the killed ones is unknown; they are replaced",
    strike: async (scene) => {
      await scene.lend(4);
      await killSome(scene);
    },
    felt: (scene) => assertClosed(scene, "lost"),
  },
  server,
);

const held = new WeakMap<Scene, Lease>();

faultTests(
  file,
  {
    row: 21,
    name: "the server's `timeout` reaps idle connections",
    what: "they are noticed and never lent; the next command of a lease that was held all the time fails as not sent",
    situations: ["idle", "under load", "mid-lease"],
    hold: 1500,
    strike: async (scene) => {
      await tell(scene, ["CONFIG", "SET", "timeout", 1]);
      const lease = await scene.pool.lease();
      await lease.client.setname("held");
      held.set(scene, lease);
    },
    end: async (scene) => {
      const lease = held.get(scene);
      assert.ok(lease !== undefined);
      await until(async () => {
        using raw = await scene.raw();
        return !(await raw.clients()).some((client) => client["name"] === "held");
      });
      await until(() => (scene.pool.stats().closedBecause.lost ?? 0) > 0);
      await assert.rejects(lease.get("k"), { code: "ERR_CONNECTION_LOST", outcome: "not-sent" });
      lease.release();
      await tell(scene, ["CONFIG", "SET", "timeout", 0]);
    },
    felt: (scene) => assertClosed(scene, "lost"),
  },
  server,
);

faultTests(
  file,
  {
    row: 22,
    name: "output buffer limit kills",
    what: "the caller of the oversized reply is told after its attempts; the others' reads are sent again",
    strike: async (scene) => {
      using raw = await scene.raw();
      await raw.command("SET", "fault:large", "x".repeat(3_000_000));
      await raw.command("CONFIG", "SET", "client-output-buffer-limit", "normal 500000 0 0");
      const { ending } = await scene.oracle.perform("GET large", scene.commandTimeout, () =>
        scene.redis.with({ retry: { maxDelay: 20 } }).get("fault:large"),
      );
      assert.equal(ending, "unknown");
    },
    end: (scene) =>
      tell(scene, ["CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0"], ["DEL", "fault:large"]),
    felt: (scene) => assertClosed(scene, "lost"),
  },
  server,
);

/** The user of these tests, with a password that can be changed. */
function asUser(): { client: RedisOptions; login: { password: string } } {
  const login = { password: "first" };
  return { client: { credentials: () => ({ username: "app", password: login.password }) }, login };
}

const ACL = { config: { user: "app on >first ~* &* +@all" } } as const;

const rotated = asUser();
faultTests(
  file,
  {
    row: 23,
    name: "password rotated",
    what: "live connections work on; the old password is told as a permanent `ERR_CONNECT_AUTH`; the new one is asked for and used",
    client: rotated.client,
    before: () => {
      rotated.login.password = "first";
    },
    strike: async (scene) => {
      await tell(scene, ["ACL", "SETUSER", "app", "resetpass", ">second"]);
      await killSome(scene, 9);
    },
    end: () => {
      rotated.login.password = "second";
    },
    felt: (scene) => assertCode(scene, "ERR_CONNECT_AUTH"),
  },
  ACL,
);

faultTests(
  file,
  {
    row: 24,
    name: "right revoked live (ACL)",
    what: "the command is rejected with NOPERM and did not run; everything else works on, on the same connections",
    client: { ...asUser().client, ...PATIENT },
    strike: (scene) => tell(scene, ["ACL", "SETUSER", "app", "-incr"]),
    end: (scene) => tell(scene, ["ACL", "SETUSER", "app", "+incr"]),
    felt: (scene) => {
      assertCode(scene, "NOPERM");
      assert.deepEqual(scene.pool.stats().closedBecause, {});
    },
  },
  ACL,
);

faultTests(
  file,
  {
    row: 24,
    name: "user deleted live (ACL)",
    what: "its connections are lost and no other can be made, which is told at once, until the user is there again",
    client: asUser().client,
    strike: (scene) => tell(scene, ["ACL", "DELUSER", "app"]),
    end: (scene) => tell(scene, ["ACL", "SETUSER", "app", "on", ">first", "~*", "&*", "+@all"]),
    felt: (scene) => {
      assertClosed(scene, "lost");
      assertCode(scene, "ERR_CONNECT_AUTH");
    },
  },
  ACL,
);

faultTests(
  file,
  {
    row: 25,
    name: "demoted to a replica",
    what: "writes are sent again `attempts` times, then rejected with READONLY; reads work on",
    hold: 200,
    client: { ...PATIENT, retry: { attempts: 2, maxDelay: 20 } },
    strike: (scene) => tell(scene, ["REPLICAOF", "127.0.0.1", 1]),
    end: (scene) => tell(scene, ["REPLICAOF", "NO", "ONE"]),
    felt: (scene) => {
      assertCode(scene, "READONLY");
      assert.ok(scene.retries.has("READONLY"));
      assert.deepEqual(scene.pool.stats().closedBecause, {});
    },
  },
  server,
);

const scripts = new WeakMap<Scene, { raw: RawClient; ended: Promise<unknown> }>();

faultTests(
  file,
  {
    row: 32,
    name: "BUSY script",
    what: "commands are rejected with BUSY and did not run; no connection is lost",
    client: PATIENT,
    hold: 150,
    strike: async (scene) => {
      await tell(scene, ["CONFIG", "SET", "busy-reply-threshold", 20]);
      const raw = await scene.raw();
      const ended = raw.command("EVAL", "while true do end", 0).catch((error: Error) => error);
      scripts.set(scene, { raw, ended });
    },
    end: async (scene) => {
      const script = scripts.get(scene);
      await tell(scene, ["SCRIPT", "KILL"]);
      await script?.ended;
      script?.raw.close();
    },
    felt: (scene) => {
      assertCode(scene, "BUSY");
      assert.deepEqual(scene.pool.stats().closedBecause, {});
    },
  },
  server,
);

faultTests(
  file,
  {
    row: 33,
    name: "CLIENT PAUSE, shorter than `socketTimeout`",
    what: "everything waits and gets its reply; no connection is lost",
    client: PATIENT,
    hold: 250,
    strike: (scene) => tell(scene, ["CLIENT", "PAUSE", 3000]),
    end: (scene) => tell(scene, ["CLIENT", "UNPAUSE"]),
    felt: (scene) => assertWaited(scene, 200),
    after: assertUnharmed,
  },
  server,
);

faultTests(
  file,
  {
    row: 33,
    name: "CLIENT PAUSE, longer",
    what: "after `socketTimeout` connections are replaced and attempts go on; what was sent is unknown",
    hold: 720,
    strike: (scene) => tell(scene, ["CLIENT", "PAUSE", 700]),
    felt: (scene) => assertClosed(scene, "socket-timeout"),
  },
  server,
);

faultTests(
  file,
  {
    row: 34,
    name: "out of memory (OOM)",
    what: "writes are rejected with OOM and did not run; reads work on, on the same connections",
    client: PATIENT,
    strike: (scene) => tell(scene, ["CONFIG", "SET", "maxmemory", 1]),
    end: (scene) => tell(scene, ["CONFIG", "SET", "maxmemory", 0]),
    felt: (scene) => {
      assertCode(scene, "OOM");
      assert.deepEqual(scene.pool.stats().closedBecause, {});
    },
  },
  server,
);

faultTests(
  file,
  {
    row: 34,
    name: "snapshot failed (MISCONF)",
    what: "writes are rejected with MISCONF and did not run; reads work on, on the same connections",
    client: PATIENT,
    strike: async (scene) => {
      using raw = await scene.raw();
      const [, directory] = (await raw.command("CONFIG", "GET", "dir")) as string[];
      // A snapshot cannot take the place of a directory.
      await mkdir(join(String(directory), "dump.rdb"), { recursive: true });
      await raw.command("CONFIG", "SET", "save", "3600 1000000");
      await raw.command("BGSAVE");
      await until(async () => (await raw.info("persistence"))["rdb_last_bgsave_status"] === "err");
    },
    end: (scene) => tell(scene, ["CONFIG", "SET", "save", ""]),
    felt: (scene) => {
      assertCode(scene, "MISCONF");
      assert.deepEqual(scene.pool.stats().closedBecause, {});
    },
  },
  {},
);
