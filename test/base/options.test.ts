import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { inspect } from "node:util";
import { OptionsError } from "../../src/base/errors.ts";
import { numberOptions, optionNames, reconnectOptions, retryOptions } from "../../src/base/option-rules.ts";
import { resolveOptions, resolveRetry, type RedisOptions, type ResolvedOptions } from "../../src/base/options.ts";
import { rangeText, validateDuration, validateSignal } from "../../src/base/validate.ts";

/** Resolves what the types forbid, as a caller in JavaScript would. */
const resolveAny = resolveOptions as (input?: unknown, extra?: unknown) => ResolvedOptions;

function refusal(input: unknown, extra?: unknown): OptionsError {
  try {
    resolveAny(input, extra);
  } catch (error) {
    assert.ok(error instanceof OptionsError, String(error));
    assert.equal(error.code, "ERR_OPTIONS");
    assert.equal(error.outcome, "not-sent");
    return error;
  }
  assert.fail(`accepted: ${inspect(input)} ${inspect(extra)}`);
}

/** What is refused, the option that is named, and pieces of the message: expected, got, remedy. */
const refused: [unknown, string, ...string[]][] = [
  [null, "options", "an object", "got null", "undefined, for the default"],
  [5, "options", "a URL or an object", "got 5"],
  [[], "options", "an object", "got an array"],
  [{ host: 5 }, "host", "a host name", "got 5"],
  [{ host: null }, "host", "got null"],
  [{ host: "" }, "host", 'got ""', "leave it out"],
  [{ host: "a b" }, "host", 'got "a b" (string)'],
  [{ host: "a:6379" }, "host", "pass the port as an option of its own"],
  [{ host: "redis://a" }, "host", "pass a URL as the first argument"],
  [{ host: "[::1]" }, "host", "brackets"],
  [{ host: "::zz" }, "host", "an address"],
  [{ port: 0 }, "port", "a whole number from 1 to 65535", "got 0"],
  [{ port: 65_536 }, "port", "got 65536"],
  [{ port: "6379" }, "port", 'got "6379" (string)', "pass a number"],
  [{ port: 1n }, "port", "got 1n (bigint)"],
  [{ path: "" }, "path", "the path of a unix socket", 'got ""'],
  [{ path: "a\0b" }, "path", "without a NUL"],
  [{ path: "/a", host: "b" }, "path", "path and host exclude each other"],
  [{ path: "/a", port: 1 }, "path", "path and port exclude each other"],
  [{ db: -1 }, "db", "a whole number from 0", "got -1"],
  [{ db: 1.5 }, "db", "got 1.5"],
  [{ db: NaN }, "db", "got NaN"],
  [{ username: "u" }, "username", "without a password"],
  [{ username: "", password: "p" }, "username", "must not be empty"],
  [{ username: 5, password: "p" }, "username", "a string", "type number"],
  [{ password: "" }, "password", "must not be empty", "leave it out"],
  [{ password: 5 }, "password", "a string", "type number"],
  [{ password: null }, "password", "got null"],
  [{ password: "p", credentials: () => ({ password: "q" }) }, "credentials", "exclude each other"],
  [{ username: "p", credentials: () => ({ password: "q" }) }, "credentials", "username exclude each other"],
  [{ credentials: "x" }, "credentials", "a function", "got a value of type string"],
  [{ tls: 1 }, "tls", "true, false or an object", "got 1"],
  [{ tls: null }, "tls", "got null"],
  [{ tls: true, path: "/a" }, "tls", "over a unix socket", "tls.servername"],
  [{ protocol: 4 }, "protocol", "one of 2, 3", "got 4"],
  [{ protocol: "3" }, "protocol", 'got "3" (string)'],
  [{ maxConnections: 0 }, "maxConnections", "a whole number from 1", "got 0"],
  [{ maxConnections: Infinity }, "maxConnections", "got Infinity"],
  [{ minConnections: 11, maxConnections: 10 }, "minConnections", "at most maxConnections (10), got 11", "raise"],
  [{ minConnections: 51 }, "minConnections", "at most maxConnections (50), got 51"],
  [{ maxLanes: 3, maxConnections: 2 }, "maxLanes", "at most maxConnections (2), got 3"],
  [{ maxLanes: 0 }, "maxLanes", "got 0"],
  [{ acquireTimeout: -1 }, "acquireTimeout", "a number of ms from 0", "got -1"],
  [{ connectTimeout: Infinity }, "connectTimeout", "got Infinity"],
  [{ commandTimeout: 0 }, "commandTimeout", "got 0", "Infinity is for no limit"],
  [{ socketTimeout: 2 ** 31 }, "socketTimeout", "to 2147483647, or Infinity", "got 2147483648"],
  [{ maxQueuedBytes: "64 MiB" }, "maxQueuedBytes", "a whole number", 'got "64 MiB"'],
  [{ keepAlive: 0 }, "keepAlive", "from 1000", "false is for none"],
  [{ keepAlive: true }, "keepAlive", "got true"],
  [{ healthCheckInterval: false }, "healthCheckInterval", "got false", "0 is for never"],
  [{ idleTimeout: 0 }, "idleTimeout", "Infinity keeps idle connections open"],
  [{ maxLifetime: 0 }, "maxLifetime", "Infinity never replaces"],
  [{ retry: null }, "retry", "an object", "got null"],
  [{ retry: false }, "retry", "an object", "got false"],
  [{ retry: { attempts: -1 } }, "retry.attempts", "from 0 to 1000"],
  [{ retry: { effects: "reads" } }, "retry.effects", '"none", "read"', "did you mean read?"],
  [{ retry: { attempt: 1 } }, "attempt", "unknown option of retry", "did you mean attempts?"],
  [{ retry: { minDelay: 20, maxDelay: 10 } }, "retry.minDelay", "at most retry.maxDelay (10), got 20"],
  [{ reconnect: { minDelay: 0 } }, "reconnect.minDelay", "from 1", "got 0"],
  [{ reconnect: { minDelay: 20, maxDelay: 10 } }, "reconnect.minDelay", "at most reconnect.maxDelay"],
  [{ retryOnTimeout: 1 }, "retryOnTimeout", "true or false", "got 1"],
  [{ decodeResponses: "no" }, "decodeResponses", "true or false", 'got "no"'],
  [{ clientName: "a b" }, "clientName", "without spaces", 'got "a b"', "- or _"],
  [{ clientName: "a\r\nQUIT" }, "clientName", "a string of 7 characters"],
  [{ clientName: "a\0" }, "clientName", "printable ASCII"],
  [{ clientName: "é" }, "clientName", "printable ASCII"],
  [{ clientName: "" }, "clientName", "leave it out for no name"],
  [{ leakThreshold: -1 }, "leakThreshold", "0 is for no report"],
  [{ environment: { clock: {} } as never }, "environment", "clock and dialler"],
  [{ maxConection: 1 }, "maxConection", "unknown option maxConection", "did you mean maxConnections?"],
  [{ Timeout: 1 }, "Timeout", "the known ones are host, port"],
  [{ PORT: 1 }, "PORT", "did you mean port?"],
];

test("every bad option is refused with what was expected, what came and what to do", async (t) => {
  for (const [input, option, ...pieces] of refused) {
    await t.test(inspect(input), () => {
      const error = refusal(input);
      assert.equal(error.option, option);
      for (const piece of pieces) assert.ok(error.message.includes(piece), `"${piece}" is not in "${error.message}"`);
    });
  }
});

test("nothing given resolves to the documented defaults", () => {
  const { credentials, tls, ...rest } = resolveOptions();
  assert.equal(credentials, null);
  assert.equal(tls, null);
  assert.deepEqual(rest, {
    endpoint: { host: "localhost", port: 6379 },
    node: "localhost:6379",
    db: 0,
    credentialsAreStatic: true,
    protocol: 3,
    maxConnections: 50,
    minConnections: 0,
    maxLanes: 4,
    acquireTimeout: 2000,
    maxWaiting: 10_000,
    connectTimeout: 2000,
    socketTimeout: 5000,
    commandTimeout: 5000,
    maxInFlight: 65_536,
    maxQueuedBytes: 64 * 1024 * 1024,
    keepAlive: 30_000,
    healthCheckInterval: 30_000,
    idleTimeout: 60_000,
    maxLifetime: 1_800_000,
    retry: { attempts: 3, minDelay: 10, maxDelay: 1000, effects: "read" },
    retryOnTimeout: true,
    reconnect: { minDelay: 50, maxDelay: 2000 },
    decodeResponses: true,
    clientName: null,
    leakThreshold: 0,
    lookup: null,
    replicas: [],
    readFrom: "primary",
    zone: null,
    readsReplica: false,
    environment: null,
  });
});

test("undefined means the default for every option", () => {
  const options = Object.fromEntries(optionNames.map((name) => [name, undefined])) as RedisOptions;
  assert.deepEqual(resolveOptions(options), resolveOptions());
  assert.deepEqual(resolveOptions({ retry: { attempts: undefined } }), resolveOptions());
  assert.equal(resolveOptions("redis://a", { host: undefined }).node, "a:6379");
});

test("docs/options.md lists every option with the unit, default and range of the code", () => {
  const text = readFileSync(new URL("../../docs/options.md", import.meta.url), "utf8");
  const rows = new Map(
    [...text.matchAll(/^\| `([\w.]+)` \| (.+?) \| (.+?) \| (.+?) \| .+ \|$/gm)].map((row) => [row[1], row.slice(2)]),
  );
  const nested = { retry: { ...retryOptions, effects: null }, reconnect: reconnectOptions };
  const names = optionNames.flatMap((name) =>
    name in nested ? Object.keys(nested[name as "retry"]).map((inner) => `${name}.${inner}`) : [name],
  );
  assert.deepEqual([...rows.keys()].slice(0, names.length), names);
  const prefixed = (prefix: string, rules: object): [string, unknown][] =>
    Object.entries(rules).map(([name, rule]) => [prefix + name, rule]);
  const numbers = { ...numberOptions, ...Object.fromEntries(prefixed("retry.", retryOptions)) };
  Object.assign(numbers, Object.fromEntries(prefixed("reconnect.", reconnectOptions)));
  for (const [name, rule] of Object.entries(numbers)) {
    assert.deepEqual(rows.get(name), [rule.unit || "–", `\`${rule.default}\``, rangeText(rule)], name);
  }
  const resolved = resolveOptions();
  for (const name of ["protocol", "retryOnTimeout", "decodeResponses"] as const) {
    assert.equal(rows.get(name)?.[1], `\`${resolved[name]}\``, name);
  }
  assert.equal(rows.get("retry.effects")?.[1], `\`"${resolved.retry.effects}"\``);
});

test("the docstring of every number option names its default", () => {
  const source = readFileSync(new URL("../../src/base/options.ts", import.meta.url), "utf8");
  const body = source.slice(source.indexOf("export interface RedisOptions"));
  for (const [name, rule] of Object.entries(numberOptions)) {
    const docstring = new RegExp(`/\\*\\* ((?:(?!\\*/)[^])*) \\*/\\s+${name}\\?:`).exec(body)?.[1];
    assert.ok(docstring !== undefined && docstring.includes(`Default ${rule.default}`), `${name}: ${docstring}`);
    assert.equal(docstring.includes("Infinity"), rule.infinite === true, name);
  }
});

test("limits that mean none are kept as they are", () => {
  const resolved = resolveOptions({
    commandTimeout: Infinity,
    socketTimeout: Infinity,
    acquireTimeout: 0,
    maxWaiting: 0,
    idleTimeout: Infinity,
    maxLifetime: Infinity,
    keepAlive: false,
    healthCheckInterval: 0,
    connectTimeout: 0.5 + 1,
  });
  assert.equal(resolved.commandTimeout, Infinity);
  assert.equal(resolved.socketTimeout, Infinity);
  assert.equal(resolved.acquireTimeout, 0);
  assert.equal(resolved.keepAlive, false);
  assert.equal(resolved.connectTimeout, 1.5);
});

test("a default gives way to an option that is set", () => {
  assert.equal(resolveOptions({ maxConnections: 2 }).maxLanes, 2);
  assert.deepEqual(resolveOptions({ reconnect: { maxDelay: 5 } }).reconnect, { minDelay: 5, maxDelay: 5 });
  assert.deepEqual(resolveOptions({ reconnect: { minDelay: 5000 } }).reconnect, { minDelay: 5000, maxDelay: 5000 });
  const base = resolveRetry({ attempts: 9, effects: "overwrite" });
  assert.deepEqual(resolveRetry({ attempts: 1 }, base), { ...base, attempts: 1 });
});

test("the resolved options are frozen, also inside", () => {
  const resolved = resolveOptions("rediss://u:p@h");
  for (const value of [resolved, resolved.endpoint, resolved.retry, resolved.reconnect, resolved.tls]) {
    assert.ok(Object.isFrozen(value), inspect(value));
  }
});

test("the options that were passed in are neither changed nor frozen", () => {
  const tls = { ca: "x" };
  const options = { host: "a", tls, retry: { attempts: 1 } };
  resolveOptions(options);
  assert.deepEqual(options, { host: "a", tls: { ca: "x" }, retry: { attempts: 1 } });
  assert.ok(!Object.isFrozen(tls));
});

test("no secret shows when resolved options are printed or turned into JSON", () => {
  const all: ResolvedOptions[] = [
    resolveOptions("redis://user:S3CRET@h"),
    resolveOptions({ password: "S3CRET", tls: { key: "S3CRET", passphrase: "S3CRET", pfx: "S3CRET" } }),
    resolveOptions({ credentials: () => ({ password: "S3CRET" }) }),
  ];
  for (const resolved of all) {
    assert.ok(!inspect(resolved, { depth: 10, showHidden: true }).includes("S3CRET"));
    assert.ok(!JSON.stringify(resolved).includes("S3CRET"));
    assert.ok(!inspect({ ...resolved }, { depth: 10 }).includes("S3CRET"));
  }
  assert.equal({ ...all[1]!.tls }.passphrase, "S3CRET");
});

test("a fixed password is returned by the provider each time", async () => {
  const resolved = resolveOptions({ username: "u", password: "p" });
  assert.deepEqual(await resolved.credentials?.(), { username: "u", password: "p" });
  assert.equal(resolved.credentialsAreStatic, true);
  assert.deepEqual(await resolveOptions({ password: "p" }).credentials?.(), { password: "p" });
  assert.deepEqual(await resolveOptions({ username: "u", password: "" }).credentials?.(), {
    username: "u",
    password: "",
  });
});

test("what a credentials function returns is checked without showing it", async () => {
  const good = resolveOptions({ credentials: async () => ({ username: "u", password: "p" }) });
  assert.equal(good.credentialsAreStatic, false);
  assert.deepEqual(await good.credentials?.(), { username: "u", password: "p" });
  const bad: [unknown, RegExp][] = [
    ["S3CRET", /answer of credentials\(\) must be an object, got a value of type string/],
    [undefined, /got undefined/],
    [{ username: "S3CRET" }, /credentials\(\)\.password must be a string, got undefined/],
    [
      { username: ["S3CRET"], password: "S3CRET" },
      /credentials\(\)\.username must be a string, got a value of type object/,
    ],
  ];
  for (const [answer, pattern] of bad) {
    for (const credentials of [() => answer, async () => answer]) {
      const { credentials: provider } = resolveAny({ credentials });
      await assert.rejects(
        async () => provider?.(),
        (error: Error) =>
          error instanceof OptionsError && pattern.test(error.message) && !inspect(error).includes("S3CRET"),
      );
    }
  }
});

test("TLS compares the certificate with the host unless a name is set", () => {
  assert.equal(resolveOptions("rediss://cache.example").tls?.servername, "cache.example");
  assert.equal(resolveOptions({ host: "a", tls: true }).tls?.servername, "a");
  assert.equal(resolveOptions({ host: "a", tls: { servername: "b" } }).tls?.servername, "b");
  assert.equal(resolveOptions({ host: "::1", tls: {} }).tls?.servername, undefined);
  assert.equal(resolveOptions({ host: "a", tls: false }).tls, null);
  assert.equal(resolveOptions({ path: "/a", tls: { servername: "b" } }).tls?.servername, "b");
  assert.equal(resolveOptions("rediss://a", { tls: { ca: "x" } }).tls?.ca, "x");
});

test("a URL that asks for TLS never falls back to a plain connection", () => {
  assert.match(refusal("rediss://a", { tls: false }).message, /must not be false with a URL that asks for TLS/);
});

test("time limits and signals of single calls are checked like options", () => {
  assert.equal(validateDuration("timeout", 0), 0);
  assert.equal(validateDuration("timeout", Infinity), Infinity);
  assert.throws(() => validateDuration("timeout", "1"), { name: "OptionsError", option: "timeout" });
  assert.throws(() => validateDuration("timeout", 0, { min: 1 }), /timeout must be a number of ms from 1/);
  const { signal } = new AbortController();
  assert.equal(validateSignal("signal", signal), signal);
  assert.equal(validateSignal("signal", undefined), null);
  assert.throws(() => validateSignal("signal", {}), /signal must be an AbortSignal, got an object/);
});
