import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { statsOf } from "../support/stats.ts";
import { until } from "../support/wait.ts";

const server = sharedServer();

/** The users of a client's connections, by their id on the server. */
async function usersOf(name: string): Promise<Map<string, string>> {
  using raw = await connectRaw(server());
  const list = String(await raw.command("CLIENT", "LIST"));
  const users = new Map<string, string>();
  for (const line of list.split("\n")) {
    if (!line.includes(` name=${name} `)) continue;
    users.set(/id=(\d+)/.exec(line)?.[1] ?? "", /user=(\S+)/.exec(line)?.[1] ?? "");
  }
  return users;
}

async function makeUsers(): Promise<void> {
  using raw = await connectRaw(server());
  for (const user of ["before", "after"])
    await raw.command("ACL", "SETUSER", user, "on", `>${user}-pw`, "+@all", "~*", "&*");
}

test("when the credentials change, live connections are logged in again instead of being replaced", async () => {
  await makeUsers();
  let username = "before";
  await using redis = new Redis({
    port: server().port,
    clientName: "rotating",
    healthCheckInterval: 100,
    credentials: () => ({ username, password: `${username}-pw` }),
  });
  const messages: string[] = [];
  const subscription = await redis.subscribe("credentials:news", ({ message }) => messages.push(message));
  await redis.ping();
  await redis.blpop("credentials:none", 0.01);
  const before = await usersOf("rotating");
  assert.deepEqual([...before.values()], ["before", "before", "before"], "a subscriber, a lane and an idle one");

  username = "after";
  await until(async () => [...(await usersOf("rotating")).values()].every((user) => user === "after"));
  assert.deepEqual([...(await usersOf("rotating")).keys()], [...before.keys()], "the same connections");
  assert.equal(subscription.gaps, 0);
  await redis.publish("credentials:news", "still here");
  await until(() => messages.length === 1);
  assert.deepEqual(statsOf(redis).closedBecause, {});
});

test("a connection that was out on lease when the credentials changed is logged in again after it", async () => {
  await makeUsers();
  let username = "before";
  await using redis = new Redis({
    port: server().port,
    clientName: "leased-out",
    healthCheckInterval: 100,
    credentials: () => ({ username, password: `${username}-pw` }),
  });
  await redis.transaction([], async () => {
    username = "after";
    await redis.ping(); // a second connection, which has the new user from the start
    await until(async () => [...(await usersOf("leased-out")).values()].includes("after"));
    assert.ok([...(await usersOf("leased-out")).values()].includes("before"), "a borrower's session is left alone");
  });
  await until(async () => [...(await usersOf("leased-out")).values()].every((user) => user === "after"));
});

test("fresh credentials that the server refuses end the connections, with the reason", async () => {
  await makeUsers();
  let password = "before-pw";
  await using redis = new Redis({
    port: server().port,
    healthCheckInterval: 100,
    credentials: () => ({ username: "before", password }),
  });
  await redis.ping();
  password = "wrong";
  await until(() => (statsOf(redis).closedBecause.credentials ?? 0) >= 1);
  await assert.rejects(redis.with({ timeout: 3000 }).ping(), { code: "ERR_CONNECT_AUTH", outcome: "not-sent" });
  password = "before-pw";
  await until(() => redis.ping().catch(() => false), { what: "it heals when the credentials are right again" });
});

test("a credentials function that fails for a while costs no connection", async () => {
  await makeUsers();
  let asked = 0;
  await using redis = new Redis({
    port: server().port,
    healthCheckInterval: 100,
    credentials: async () => {
      asked++;
      if (asked > 1) throw new Error("the vault is closed");
      return { username: "before", password: "before-pw" };
    },
  });
  await redis.ping();
  await until(() => asked >= 3);
  assert.equal(await redis.ping(), "PONG");
  assert.deepEqual(statsOf(redis).closedBecause, {});
});
