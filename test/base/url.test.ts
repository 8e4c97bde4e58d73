import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { OptionsError } from "../../src/base/errors.ts";
import { resolveOptions, type RedisOptions, type ResolvedOptions } from "../../src/base/options.ts";
import { redactUrl } from "../../src/base/url.ts";

const SECRET = "S3CRET";

function refusal(url: string, extra?: RedisOptions): OptionsError {
  try {
    resolveOptions(url, extra);
  } catch (error) {
    assert.ok(error instanceof OptionsError, `${inspect(url)}: ${String(error)}`);
    return error;
  }
  assert.fail(`accepted: ${inspect(url)}`);
}

const accepted: [string, Partial<ResolvedOptions>, { username?: string; password: string }?][] = [
  ["redis://", { node: "localhost:6379", db: 0 }],
  ["redis://h", { node: "h:6379" }],
  ["REDIS://h/", { node: "h:6379" }],
  ["redis://h:7000/3", { node: "h:7000", db: 3 }],
  ["redis://:7000", { node: "localhost:7000" }],
  ["redis:///2", { node: "localhost:6379", db: 2 }],
  ["redis://[::1]:7000", { node: "[::1]:7000", endpoint: { host: "::1", port: 7000 } }],
  ["redis://[fe80::1%25eth0]", { endpoint: { host: "fe80::1%eth0", port: 6379 } }],
  ["valkey://127.0.0.1", { node: "127.0.0.1:6379" }],
  ["redis://@h", { node: "h:6379", credentials: null }],
  ["redis://:p@h", { node: "h:6379" }, { password: "p" }],
  ["redis://u:p@h", { node: "h:6379" }, { username: "u", password: "p" }],
  ["redis://u%3A:p%40%2F%3F%23%25%F0%9F%98%80@h", {}, { username: "u:", password: "p@/?#%😀" }],
  ["redis://u:p:q@h", {}, { username: "u", password: "p:q" }],
  ["redis://u:p@q@h", { node: "h:6379" }, { username: "u", password: "p@q" }],
  ["unix:///run/redis.sock", { node: "/run/redis.sock", endpoint: { path: "/run/redis.sock" }, tls: null }],
  ["unix:///a%20b/@c?db=1", { node: "/a b/@c", db: 1 }],
  ["redis+unix://u:p@/run/r.sock", { node: "/run/r.sock" }, { username: "u", password: "p" }],
  ["valkey+unix:///run/r.sock?maxConnections=7&", { maxConnections: 7, maxLanes: 4 }],
  ["redis://h?db=2&maxConnections=10&connectTimeout=500", { db: 2, maxConnections: 10, connectTimeout: 500 }],
  ["redis://h/?commandTimeout=Infinity&keepAlive=false", { commandTimeout: Infinity, keepAlive: false }],
  ["redis://h?decodeResponses=false&retryOnTimeout=true", { decodeResponses: false, retryOnTimeout: true }],
  ["redis://h?clientName=5&protocol=2", { clientName: "5", protocol: 2 }],
];

for (const [url, expected, credentials] of accepted) {
  test(`${url} means ${inspect(expected, { breakLength: Infinity })}`, async () => {
    const resolved = resolveOptions(url);
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual(resolved[name as keyof ResolvedOptions], value, name);
    }
    assert.deepEqual(await resolved.credentials?.(), credentials);
  });
}

test("a URL object means the same as its text", async () => {
  const resolved = resolveOptions(new URL("redis://u%3A:p%40:q@[::1]:7000/3?maxConnections=7"));
  assert.deepEqual(resolved.endpoint, { host: "::1", port: 7000 });
  assert.equal(resolved.db, 3);
  assert.equal(resolved.maxConnections, 7);
  assert.deepEqual(await resolved.credentials?.(), { username: "u:", password: "p@:q" });
});

test("a URL of TLS turns TLS on under both names", () => {
  for (const scheme of ["rediss", "valkeys"]) assert.equal(resolveOptions(`${scheme}://h`).tls?.servername, "h");
  assert.equal(resolveOptions("redis://h").tls, null);
});

test("options beside a URL go before it", () => {
  const resolved = resolveOptions("redis://u:p@h:1/2?maxConnections=3", { port: 7, db: 8, maxConnections: 9 });
  assert.equal(resolved.node, "h:7");
  assert.equal(resolved.db, 8);
  assert.equal(resolved.maxConnections, 9);
});

const refused: [string, string, RegExp][] = [
  ["", "url", /not a URL; expected redis:\/\//],
  ["localhost:6379", "url", /not a URL/],
  ["redis:h", "url", /not a URL/],
  ["http://h", "url", /unknown scheme; known are redis, rediss/],
  [`redis://u:${SECRET}`, "url", /port must be a number from 1 to 65535/],
  [`redis://u:${SECRET}@h:0`, "url", /redis:\/\/\*\*\*@h:0 is refused: the port/],
  ["redis://h:65536", "url", /port/],
  ["redis://h:1:2", "url", /port/],
  ["redis://::1", "url", /port/],
  [`redis://${SECRET}@h`, "url", /a password alone is written :password@/],
  ["redis://:@h", "password", /must not be empty/],
  [`redis://u:${SECRET}/x@h`, "url", /%2F %3F %23 and %40/],
  [`redis://u:${SECRET}?x@h`, "url", /%2F %3F %23 and %40/],
  [`redis://u:x?${SECRET}@h`, "url", /%2F %3F %23 and %40/],
  [`redis://u:${SECRET}#x@h`, "url", /%2F %3F %23 and %40/],
  [`redis://u:%${SECRET}@h`, "url", /password holds a "%"/],
  ["redis://h/x", "url", /path must be the number of a database/],
  ["redis://h/1/2", "url", /path must be the number of a database/],
  ["redis://h/9999999999", "db", /db must be a whole number from 0 to 2147483647, got 9999999999/],
  ["redis://h#x", "url", /%23/],
  ["redis://[::zz]", "host", /host must be a host name or an address/],
  ["redis://a b", "host", /host must be/],
  ["unix://a/b", "url", /write \//],
  ["unix://u:p@a/b", "url", /after three slashes/],
  ["unix://", "url", /path of the unix socket is missing/],
  ["redis://h?maxConections=1", "maxConections", /unknown URL parameter maxConections: did you mean maxConnections\?/],
  [`redis://h?password=${SECRET}`, "url", /password cannot stand in the query/],
  ["redis://h?tls=true", "url", /tls cannot stand in the query/],
  ["redis://h?db", "db", /db in the URL has no value/],
  ["redis://h?db=", "db", /db in the URL has no value/],
  ["redis://h/1?db=2", "db", /db is given twice in the URL/],
  ["redis://h?db=1&db=1", "db", /db is given twice in the URL/],
  ["redis://h?maxConnections=ten", "maxConnections", /a whole number from 1 to 100000, got "ten"/],
  ["redis://h?maxConnections=1e3", "maxConnections", /got "1e3"/],
  ["redis://h?decodeResponses=1", "decodeResponses", /true or false, got 1/],
  ["redis://h?clientName=a%0d%0aQUIT", "clientName", /printable ASCII/],
  ["redis://h?__proto__=1", "of 9 characters", /unknown URL parameter of 9 characters/],
];

for (const [url, option, message] of refused) {
  test(`${url || "an empty URL"} is refused for its ${option}`, () => {
    const error = refusal(url);
    assert.equal(error.option, option);
    assert.match(error.message, message);
    assert.ok(!inspect(error).includes(SECRET), inspect(error));
  });
}

test("a redacted URL keeps scheme, host, port and database only", () => {
  assert.equal(redactUrl("redis://u:p@h:1/2?x=3#4"), "redis://***@h:1/2");
  assert.equal(redactUrl("redis://[::1]:1"), "redis://[::1]:1");
  assert.equal(redactUrl("redis://u:p"), "redis://…");
  assert.equal(redactUrl("u:p@h"), "a string of 5 characters");
});

// Stacks are most of the time of 200,000 errors, and hold nothing beyond the message.
const withoutStacks = (body: () => void): void => {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    body();
  } finally {
    Error.stackTraceLimit = limit;
  }
};

/** A small generator with a seed, so that a failure can be repeated. */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

const pieces = [
  ..."redis:// rediss:// unix:// redis+unix:// valkey:// http:// :// : / // @ ? # & = % %2 %40 %zz [ ] [::1] h 1 0 99999".split(
    " ",
  ),
  ..."db maxConnections clientName password keepAlive true false Infinity - . é 😀 \0 \r\n \t __proto__".split(" "),
  "\ud800",
  " ",
];

test("no text, however broken, makes anything but options or an OptionsError", () =>
  withoutStacks(() => {
    const random = randomFrom(0x5eed);
    let good = 0;
    for (let round = 0; round < 200_000; round++) {
      let url = random(4) === 0 ? "" : "redis://";
      for (let length = random(9); length > 0; length--) url += pieces[random(pieces.length)];
      try {
        assert.ok(resolveOptions(url).node.length > 0);
        good++;
      } catch (error) {
        if (!(error instanceof OptionsError)) assert.fail(`${JSON.stringify(url)}: ${inspect(error)}`);
      }
    }
    assert.ok(good > 1000 && good < 199_000, `${good} were accepted`);
  }));

test("no message shows any part of a password, wherever its special characters break the URL", () =>
  withoutStacks(() => {
    const random = randomFrom(0xbad);
    let bad = 0;
    for (let round = 0; round < 50_000; round++) {
      let password = "";
      for (let length = 1 + random(4); length > 0; length--) password += pieces[random(pieces.length)] + SECRET;
      const url = `redis://user:${password}@host${pieces[random(pieces.length)]}?${pieces[random(pieces.length)]}=1`;
      try {
        resolveOptions(url);
      } catch (error) {
        bad++;
        const { message, option, cause } = error as OptionsError;
        assert.equal(cause, undefined);
        if (`${message} ${option}`.includes(SECRET)) assert.fail(`${JSON.stringify(url)}: ${message}`);
      }
    }
    assert.ok(bad > 1000, `${bad} were refused`);
  }));
