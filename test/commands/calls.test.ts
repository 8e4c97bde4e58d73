import assert from "node:assert/strict";
import { test } from "node:test";
import { startServer } from "../../src/testing/index.ts";
import { keysOf } from "../../src/commands/keys.ts";
import type { Request } from "../../src/commands/request.ts";
import { knownCommand, methodNames, type Command } from "../../src/commands/table.ts";
import { encodeCommand } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { methodOf, piecesOf, RawCommands, Recorder } from "./raw.ts";
import { samplesOf, type Sample } from "./samples.ts";

const server = sharedServer();
const recorder = new Recorder();
const commands: readonly Command[] = methodNames().map((name) => knownCommand(name));

/** Commands that are not run here: they are checked by their bytes, and by ACL DRYRUN where the server knows them. */
const NOT_RUN: Readonly<Record<string, string>> = {
  SHUTDOWN: "it ends the server",
  FAILOVER: "it makes the server look for replicas",
  REPLICAOF: "it turns the server into a replica",
  SLAVEOF: "it turns the server into a replica",
  MIGRATE: "it connects to another server",
  DEBUG: "its sub-commands can crash the server",
  MODULE: "it loads foreign code",
  QUIT: "it ends the connection",
  "CLIENT KILL": "it ends the connection",
  "CLIENT REPLY": "it turns the replies off",
  "CLIENT PAUSE": "it stops the server for everybody",
  "SCRIPT DEBUG": "it forks the server",
  SENTINEL: "only a sentinel knows it",
};

/** Options that need others beside them; their whole calls are in "options that need each other". */
const NOT_ALONE: readonly string[] = ["ZRANGE LIMIT", "ZRANGESTORE LIMIT", "XADD LIMIT", "XTRIM LIMIT"];

/** What came after 7.0; a server that is older answers with a syntax error. */
const SINCE: Readonly<Record<string, string>> = {
  "BGSAVE CANCEL": "8.1.0",
  "CLIENT KILL MAXAGE": "8.0.0",
  "CLUSTER SETSLOT TIMEOUT": "8.0.0",
  "HSCAN NOVALUES": "8.0.0",
  "ZSCAN NOSCORES": "8.0.0",
  "ZRANK WITHSCORE": "7.2.0",
  "ZREVRANK WITHSCORE": "7.2.0",
};

const BAD_SYNTAX =
  /syntax error|wrong number of arguments|unknown (sub)?command|unknown argument|unrecognized option|unsupported option|bad option|invalid (argument|option)/i;

function isListed(table: Readonly<Record<string, string>>, name: string): boolean {
  return name in table || (name.split(" ")[0] as string) in table;
}

function recorded(command: Command, sample: Sample): Request {
  return methodOf(recorder, command.name)(...sample.params) as Request;
}

async function serverVersion(raw: RawCommands): Promise<string> {
  return /redis_version:(\S+)/.exec(await raw.info())?.[1] as string;
}

function isNewer(since: string | undefined, version: string): boolean {
  return since !== undefined && since.localeCompare(version, "en", { numeric: true }) > 0;
}

test("every command, plain and with each of its tokens, is encoded as the words that it stands for", () => {
  let calls = 0;
  for (const command of commands) {
    for (const sample of samplesOf(command)) {
      const request = recorded(command, sample);
      const bytes = Buffer.concat(piecesOf(request.payload).map((piece) => Buffer.from(piece as string, "latin1")));
      const expected = encodeCommand([...command.name.split(" "), ...sample.words]);
      assert.equal(bytes.toString("latin1"), expected.toString("latin1"), `${command.name} ${sample.about}`);
      calls += 1;
    }
  }
  assert.ok(calls > 700, `only ${calls} calls`);
});

test("every command is understood by the server, plain and with each of its tokens", async () => {
  const raw = await RawCommands.connect(server().path, 3);
  await using cluster = await startServer({ config: { "cluster-enabled": "yes" } });
  const node = await RawCommands.connect(cluster.path, 3);
  const version = await serverVersion(raw);
  const known = new Set((await raw.command.list()).map((name) => name.toUpperCase()));
  const failures: string[] = [];
  let run = 0;
  for (const command of commands.filter(({ name }) => !isListed(NOT_RUN, name))) {
    const [container, sub] = command.name.split(" ") as [string, string | undefined];
    if (!known.has(sub === undefined ? container : `${container}|${sub}`)) {
      const docs = (await raw.command.docs(container))[container.toLowerCase()];
      if (sub === undefined || docs?.subcommands?.[`${container}|${sub}`.toLowerCase()] === undefined) continue;
    }
    const owner = container === "CLUSTER" ? node : raw;
    for (const sample of samplesOf(command)) {
      const about = `${command.name} ${sample.about}`.trim();
      if (NOT_ALONE.includes(about) || isNewer(SINCE[about], version)) continue;
      run += 1;
      const error = await failureOf(owner, command, sample);
      if (error !== null && BAD_SYNTAX.test(error)) failures.push(`${about} (${sample.words.join(" ")}): ${error}`);
      if (command.route === "lease") await owner.call("RESET").then(() => owner.call("HELLO", "3"));
    }
  }
  raw.close();
  node.close();
  assert.deepEqual(failures, []);
  assert.ok(run > 500, `only ${run} calls`);
});

async function failureOf(raw: RawCommands, command: Command, sample: Sample): Promise<string | null> {
  try {
    await methodOf(raw, command.name)(...sample.params);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

test("options that need each other are understood by the server when they are given together", async () => {
  const raw = await RawCommands.connect(server().path, 3);
  await raw.zadd("together:z", [
    [1, "a"],
    [2, "b"],
  ]);
  assert.deepEqual(await raw.zrange("together:z", 0, 9, { byscore: true, limit: { offset: 1, count: 1 } }), ["b"]);
  assert.equal(
    await raw.zrangestore("together:d", "together:z", 0, 9, { byscore: true, limit: { offset: 0, count: 1 } }),
    1,
  );
  assert.match(
    await raw.xadd("together:s", "*", { f: "v" }, { maxlen: { operator: "~", threshold: 100 }, limit: 10 }),
    /^\d+-\d+$/,
  );
  assert.equal(await raw.xtrim("together:s", { minid: { operator: "~", threshold: "0" }, limit: 10 }), 0);
  raw.close();
});

test("commands that are not run here would be accepted by the server", async () => {
  const raw = await RawCommands.connect(server().path, 3);
  const known = new Set((await raw.command.list()).map((name) => name.toUpperCase()));
  let dry = 0;
  for (const command of commands.filter(({ name }) => isListed(NOT_RUN, name))) {
    const words = command.name.split(" ");
    if (!known.has(words[0] as string)) continue;
    for (const sample of samplesOf(command)) {
      const reply = await raw.acl.dryrun("default", words[0] as string, [...words.slice(1), ...sample.words]);
      assert.equal(reply, "OK", `${command.name} ${sample.about}: ${reply}`);
      dry += 1;
    }
  }
  raw.close();
  assert.ok(dry > 20, `only ${dry} calls`);
});

test("the keys of every command are those that the server sees", async () => {
  const raw = await RawCommands.connect(server().path, 3);
  const known = new Set((await raw.command.list()).map((name) => name.toUpperCase()));
  let compared = 0;
  for (const command of commands.filter(({ name }) => known.has(name.split(" ")[0] as string))) {
    for (const sample of samplesOf(command)) {
      const [name, ...rest] = [...command.name.split(" "), ...sample.words] as [string, ...string[]];
      const expected = await raw.command.getkeys(name, rest).catch((error: Error) => error.message);
      const keys = keysOf(recorded(command, sample)).map(String);
      if (typeof expected !== "string") {
        assert.deepEqual(keys, expected, `${command.name} ${sample.about}`);
        compared += 1;
      } else if (/no key arguments/.test(expected) && !/^SPUBLISH$/.test(command.name)) {
        assert.deepEqual(keys, [], `${command.name} ${sample.about}`);
      } else if (!/SPUBLISH/.test(command.name)) {
        assert.match(expected, /Invalid (command|arguments)|number of arguments/, `${command.name} ${sample.about}`);
      }
    }
  }
  raw.close();
  assert.ok(compared > 350, `only ${compared} calls`);
});

test("the keys of calls that only their arguments tell are found", async () => {
  const raw = await RawCommands.connect(server().path, 3);
  const calls: readonly (readonly [string, ...string[]])[] = [
    ["MIGRATE", "host", "1", "", "0", "5", "COPY", "KEYS", "a", "b", "c"],
    ["SORT", "a", "BY", "nosort", "GET", "#", "STORE", "b"],
    ["GEORADIUS", "a", "1", "1", "5", "m", "STORE", "b"],
    ["GEORADIUSBYMEMBER", "a", "m", "5", "m", "STOREDIST", "b"],
    ["XREAD", "COUNT", "1", "STREAMS", "a", "b", "0", "0"],
    ["XREADGROUP", "GROUP", "streams", "c", "STREAMS", "a", "b", ">", ">"],
    ["EVAL", "return 1", "2", "a", "b", "c"],
    ["ZUNIONSTORE", "d", "2", "a", "b", "WEIGHTS", "1", "2"],
    ["BLMPOP", "1", "2", "a", "b", "LEFT"],
    ["MSET", "a", "1", "b", "2"],
  ];
  const { buildCall } = await import("../../src/commands/call.ts");
  for (const [name, ...args] of calls) {
    assert.deepEqual(keysOf(buildCall(name, args)), await raw.command.getkeys(name, args), name);
  }
  raw.close();
});
