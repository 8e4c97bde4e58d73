import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import type { TestServer } from "../../src/testing/index.ts";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { assertClosed, assertUnharmed, assertWaited, faultTests } from "./play.ts";
import { report } from "./report.ts";
import { PATIENT, type Scene } from "./scene.ts";

const server = sharedServer();
const file = import.meta.url;
const DURABLE = { appendonly: "yes", appendfsync: "always" } as const;

faultTests(
  file,
  {
    row: 15,
    name: "server stopped (SIGSTOP), for less than `socketTimeout`",
    what: "everything waits and gets its reply; no connection is lost",
    client: PATIENT,
    hold: 300,
    strike: (scene) => scene.server.pause(),
    end: (scene) => scene.server.resume(),
    felt: (scene) => assertWaited(scene, 250),
    after: assertUnharmed,
  },
  server,
);

faultTests(
  file,
  {
    row: 15,
    name: "server stopped (SIGSTOP), for longer",
    what: "after `socketTimeout` the connection is replaced; what was sent is unknown, and runs once when the server goes on",
    hold: 900,
    strike: (scene) => scene.server.pause(),
    end: (scene) => scene.server.resume(),
    felt: (scene) => assertClosed(scene, "socket-timeout"),
  },
  server,
);

faultTests(
  file,
  {
    row: 16,
    name: "server killed (SIGKILL)",
    what: "what was sent is unknown, the rest waits for the server; what was acknowledged is there",
    direct: true,
    strike: async (scene) => {
      await scene.server.kill();
    },
    end: (scene) => scene.server.restart(),
    felt: (scene) => {
      assertClosed(scene, "lost");
      assert.ok((scene.connectFailures.get("ERR_CONNECT_REFUSED") ?? 0) > 0);
    },
  },
  { config: DURABLE },
);

const restarts = new WeakMap<Scene, Promise<void>>();

/** Enough keys that the server is a while at loading them. */
async function fill(target: TestServer, scene: Scene): Promise<void> {
  using raw = await scene.raw();
  await raw.command("DEBUG", "POPULATE", 4000);
  await raw.command("BGREWRITEAOF");
  await until(async () => {
    const info = await raw.info("persistence");
    return info["aof_rewrite_in_progress"] === "0" && info["aof_rewrite_scheduled"] === "0";
  });
  assert.ok(target.pid !== undefined);
}

faultTests(
  file,
  {
    row: 17,
    name: "restart with a long LOADING",
    what: "what the server refuses because it is loading is sent again within its limit, but for commands on leases",
    direct: true,
    // The server is silent, too, while it writes everything down before it ends.
    client: PATIENT,
    hold: 50,
    strike: async (scene) => {
      await fill(scene.server, scene);
      restarts.set(scene, scene.server.restart());
      const met = (): boolean => {
        void scene.oracle.read(scene.redis, scene.commandTimeout);
        return scene.retries.has("LOADING") || scene.connectFailures.has("ERR_CONNECT_LOADING");
      };
      await until(met, { what: "the client meets a server that is loading", interval: 10 });
    },
    end: (scene) => restarts.get(scene),
    felt: (scene) => {
      assertClosed(scene, "lost");
      assert.ok(scene.retries.has("LOADING"), "LOADING was waited for");
    },
  },
  {
    config: {
      ...DURABLE,
      "enable-debug-command": "yes",
      "key-load-delay": 60,
      "loading-process-events-interval-bytes": 1024,
    },
  },
);

const EXHAUSTED = {
  row: 41,
  name: "file descriptors exhausted",
  what: "what is open works on; no connection can be made, which is told, and they are made when there is room again",
};

test(`fault 41, ${EXHAUSTED.name}, under load: ${EXHAUSTED.what}`, async () => {
  const program = fileURLToPath(new URL("programs/descriptors.ts", import.meta.url));
  const command = 'ulimit -n 80 && exec "$0" --import tsx "$@"';
  const child = spawn("/bin/sh", ["-c", command, process.execPath, program], {
    env: { ...process.env, NODE_OPTIONS: "", NODE_TEST_CONTEXT: "", REDIS_URL: server().url },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let complaint = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
  const limit = setTimeout(() => child.kill("SIGKILL"), 20_000);
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(limit);
  assert.deepEqual([status, complaint], [0, ""]);
  const { recovery, ...seen } = JSON.parse(output) as Record<string, unknown>;
  assert.deepEqual(seen, {
    lane: "works on",
    lease: ["ERR_POOL_TIMEOUT", "not-sent"],
    cause: "EMFILE",
    after: "lent",
    problems: [],
  });
  report(file, EXHAUSTED, "under load", Number(recovery));
});
