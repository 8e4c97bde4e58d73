import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { OptionsError } from "../../src/base/errors.ts";
import { numberOptions, optionNames, queryOptions, retryEffects } from "../../src/base/option-rules.ts";
import { resolveOptions, type RedisOptions, type ResolvedOptions } from "../../src/base/options.ts";
import { runChild } from "../support/child.ts";
import { bounded } from "./bounds.ts";

const resolveAny = resolveOptions as (input?: unknown, extra?: unknown) => ResolvedOptions;
const CANARY = "cAnArY7Q";

/** Gives the options, or null and the OptionsError. Anything else that is thrown is a defect. */
function tryResolve(input: unknown, extra?: unknown): { resolved: ResolvedOptions | null; error: OptionsError | null } {
  try {
    return { resolved: resolveAny(input, extra), error: null };
  } catch (error) {
    if (!(error instanceof OptionsError)) throw new Error(`${inspect(input)} threw ${inspect(error)}`);
    assert.ok(error.message.length < 2000, `a message of ${error.message.length} characters`);
    assert.deepEqual([error.code, error.outcome, typeof error.option], ["ERR_OPTIONS", "not-sent", "string"]);
    return { resolved: null, error };
  }
}

const text = fc.string({ unit: "binary", minLength: 1, maxLength: 30 });
const host = fc.oneof(
  fc.domain(),
  fc.ipV4(),
  fc.ipV6().filter((address) => !address.includes("%")),
  fc.constant("localhost"),
);
const sized = (name: keyof typeof numberOptions, max = 100_000): fc.Arbitrary<number> => {
  const rule = numberOptions[name];
  const whole = fc.integer({ min: rule.min, max: Math.min(rule.max, max) });
  return rule.infinite === true ? fc.oneof(whole, fc.constant(Infinity)) : whole;
};
/** Options that are right. Those of connections are left to each other's limits. */
const rightNumbers = fc.record(
  {
    db: sized("db"),
    maxConnections: sized("maxConnections"),
    acquireTimeout: sized("acquireTimeout"),
    maxWaiting: sized("maxWaiting"),
    connectTimeout: sized("connectTimeout"),
    socketTimeout: sized("socketTimeout"),
    commandTimeout: sized("commandTimeout"),
    maxInFlight: sized("maxInFlight"),
    maxQueuedBytes: sized("maxQueuedBytes"),
    healthCheckInterval: sized("healthCheckInterval"),
    idleTimeout: sized("idleTimeout"),
    maxLifetime: sized("maxLifetime"),
    leakThreshold: sized("leakThreshold"),
    protocol: fc.constantFrom(2 as const, 3 as const),
    retryOnTimeout: fc.boolean(),
    decodeResponses: fc.boolean(),
    clientName: fc.stringMatching(/^[!-~]{1,20}$/),
    keepAlive: fc.oneof(fc.constant(false as const), sized("keepAlive")),
  },
  { requiredKeys: [] },
);

test("options that are right come back as they were given", async () => {
  await fc.assert(
    fc.asyncProperty(
      rightNumbers,
      host,
      fc.integer({ min: 1, max: 65_535 }),
      fc.option(fc.record({ username: text, password: text })),
      fc.record({ attempts: fc.nat(1000), effects: fc.constantFrom(...retryEffects) }, { requiredKeys: [] }),
      async (numbers, name, port, login, retry) => {
        const before = inspect({ numbers, login, retry });
        const given: RedisOptions = { ...numbers, ...login, host: name, port, retry };
        const resolved = resolveOptions(given);
        for (const [option, value] of Object.entries(numbers)) {
          assert.deepEqual(resolved[option as keyof ResolvedOptions], value, option);
        }
        assert.deepEqual(resolved.endpoint, { host: name, port });
        assert.deepEqual(await resolved.credentials?.(), login === null ? undefined : { ...login });
        assert.deepEqual({ ...resolved.retry, ...retry }, resolved.retry);
        assert.ok(Object.isFrozen(resolved) && Object.isFrozen(resolved.endpoint) && Object.isFrozen(resolved.retry));
        assert.equal(inspect({ numbers, login, retry }), before, "the caller's own objects are left alone");
      },
    ),
    bounded(500),
  );
});

test("a URL made of percent-encoded parts means just these parts", async () => {
  const query = rightNumbers.map(({ db: _db, ...rest }) => rest);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("redis", "rediss", "valkey", "valkeys", "REDIS"),
      fc.option(fc.record({ username: fc.option(text, { nil: undefined }), password: text })),
      host,
      fc.option(fc.integer({ min: 1, max: 65_535 })),
      fc.option(fc.nat(1_000_000)),
      query,
      async (scheme, login, name, port, db, parameters) => {
        const user =
          login === null ? "" : `${encodeURIComponent(login.username ?? "")}:${encodeURIComponent(login.password)}@`;
        const place = name.includes(":") ? `[${name}]` : name;
        const pairs = Object.entries(parameters).map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`);
        const url = `${scheme}://${user}${place}${port === null ? "" : `:${port}`}${db === null ? "" : `/${db}`}${pairs.length === 0 ? "" : `?${pairs.join("&")}`}`;
        const resolved = resolveOptions(url);
        assert.deepEqual(resolved.endpoint, { host: name, port: port ?? 6379 }, url);
        assert.equal(resolved.db, db ?? 0);
        assert.equal(resolved.tls !== null, ["rediss", "valkeys"].includes(scheme));
        const { username, password } = login ?? {};
        const expected = login === null ? undefined : { password, ...(username === undefined ? {} : { username }) };
        assert.deepEqual(await resolved.credentials?.(), expected);
        for (const [key, value] of Object.entries(parameters)) {
          assert.deepEqual(resolved[key as keyof ResolvedOptions], value, `${key} of ${url}`);
        }
      },
    ),
    bounded(500),
  );
});

/** Any value, at the places where options stand, and at those where none may. */
const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
  maxDepth: 2,
});
const oddNames = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "", "hots", "passwrd"];
const bag = (names: readonly string[]): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .array(fc.tuple(fc.constantFrom(...names, ...oddNames), fc.oneof(anything, rightValue)), { maxLength: 4 })
    .map((pairs) => Object.fromEntries(pairs));
const rightValue = fc.constantFrom<unknown>(
  "h",
  1,
  0,
  2,
  3,
  1000,
  true,
  false,
  "/s",
  "p",
  () => ({ password: "p" }),
  undefined,
);
const names = ["attempts", "minDelay", "maxDelay", "effects"];
const anyOptions = fc
  .tuple(bag(optionNames), fc.option(bag(names)), fc.option(bag(names)))
  .map(([all, retry, reconnect]) => ({
    ...all,
    ...(retry === null ? {} : { retry }),
    ...(reconnect === null ? {} : { reconnect }),
  }));

test("whatever is given for options makes options or an OptionsError, and pollutes nothing", () => {
  const before = Reflect.ownKeys(Object.prototype);
  const counts = { right: 0, wrong: 0 };
  fc.assert(
    fc.property(
      fc.oneof(anyOptions, bag(optionNames), anything),
      fc.option(anyOptions, { nil: undefined }),
      (input, extra) => {
        const { resolved } = tryResolve(input, extra);
        if (resolved === null) counts.wrong++;
        else {
          counts.right++;
          assert.ok(resolved.node.length > 0 && resolved.maxConnections >= resolved.maxLanes);
        }
        assert.deepEqual(Reflect.ownKeys(Object.prototype), before);
        assert.equal(Reflect.getPrototypeOf({}), Object.prototype);
      },
    ),
    bounded(3000, 6),
  );
  assert.ok(counts.right > 20 && counts.wrong > 100, JSON.stringify(counts));
});

test("whatever text is given for a URL makes options or an OptionsError of one line", () => {
  const part = fc.oneof(
    fc.constantFrom(
      "redis://",
      "rediss://",
      "unix://",
      "://",
      ":",
      "/",
      "//",
      "@",
      "?",
      "#",
      "&",
      "=",
      "%",
      "%0d%0a",
      "[",
      "]",
      "::1",
    ),
    fc.constantFrom(...queryOptions.map((name) => `${name}=1`)),
    fc.string({ unit: "binary", maxLength: 12 }),
    // Half of a character, which no well-formed text has.
    fc.constantFrom("\ud800", "\udfff", "\0", "\r\n", "\u2028", "é", "😀"),
    fc.webUrl(),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 10 }), (parts) => {
      for (const url of [parts.join(""), `redis://${parts.join("")}`]) {
        const { error } = tryResolve(url);
        if (error !== null) assert.doesNotMatch(error.message, /\p{Cc}/u, inspect(url));
      }
    }),
    bounded(5000, 6),
  );
});

/** All that could be logged of a value. */
function shown(value: unknown): string {
  const parts = [inspect(value, { depth: Infinity, showHidden: true, getters: true }), String(value)];
  if (value instanceof Error) parts.push(String(value.stack), JSON.stringify(Object.getOwnPropertyDescriptors(value)));
  else parts.push(JSON.stringify(value));
  return parts.join("\n");
}

test("no secret is in a refusal, nor in what is shown of resolved options, wherever the rest is wrong", () => {
  const secret = fc
    .tuple(fc.string({ unit: "binary", maxLength: 6 }), fc.string({ unit: "binary", maxLength: 6 }))
    .map(([before, after]) => `${before}${CANARY}${after}`);
  const places = fc.oneof(
    secret.map((password) => ({ password })),
    secret.map((password) => ({ username: "u", password })),
    secret.map((password) => ({ credentials: () => ({ password }) })),
    secret.map((key) => ({ tls: { key, passphrase: key, pfx: Buffer.from(key) } })),
    secret.map((password) => ({ password: { password } })),
    secret.map((password) => ({ password: [password] })),
    secret.map((password) => ({ credentials: password })),
  );
  const canaries = [
    CANARY,
    Buffer.from(CANARY).toString("hex"),
    Buffer.from(CANARY).toString("hex").match(/../g)?.join(" ") ?? "",
  ];
  fc.assert(
    fc.property(places, fc.oneof(anyOptions, fc.constant({})), fc.boolean(), (place, rest, beside) => {
      const { resolved, error } = beside
        ? tryResolve("redis://h", { ...rest, ...place })
        : tryResolve({ ...rest, ...place });
      const all = shown(resolved ?? error);
      for (const canary of canaries) assert.ok(!all.includes(canary), all);
    }),
    bounded(1500, 6),
  );
});

test("a polluted Object.prototype sets no option", () => {
  const plain = resolveOptions("redis://h");
  const foreign: Record<string, unknown> = {
    ...Object.fromEntries(optionNames.map((name) => [name, 7])),
    host: "evil.test",
  };
  fc.assert(
    // Not `path`, which Node itself would connect to.
    fc.property(
      fc.subarray(
        optionNames.filter((name) => name !== "path"),
        { minLength: 1 },
      ),
      (polluted) => {
        let seen: ResolvedOptions[] = [];
        for (const name of polluted) {
          Object.defineProperty(Object.prototype, name, { value: foreign[name], configurable: true, writable: true });
        }
        try {
          seen = [
            resolveOptions("redis://h"),
            resolveOptions({ host: "h" }),
            resolveOptions("redis://", { host: "h" }),
          ];
        } finally {
          for (const name of polluted) delete (Object.prototype as Record<string, unknown>)[name];
        }
        for (const resolved of seen) assert.deepEqual(resolved, plain);
      },
    ),
    bounded(200),
  );
});

test("options, names and URLs of a megabyte are refused, or taken, without a pause", async () => {
  // What takes a step for every two characters would not come to its end.
  const { stdout, stderr, code } = await runChild(`
    const huge = 4_000_000;
    const inputs = [
      "x".repeat(huge), "redis://" + "x".repeat(huge), "redis://" + ":".repeat(huge), "redis://" + "@".repeat(huge),
      "redis://h:" + "1".repeat(huge), "redis://h/" + "1".repeat(huge), "redis://h?" + "a".repeat(huge) + "=1",
      "redis://h?" + "db=1&".repeat(huge / 5), "redis://h?clientName=" + "%41".repeat(huge / 3), "redis://[" + ":".repeat(huge) + "]",
      "redis://u:" + "%25".repeat(huge / 3) + "@h", "unix://" + "/a".repeat(huge / 2), "redis://" + "%".repeat(huge) + "@h",
      { ["x".repeat(huge)]: 1 }, { host: "a".repeat(huge) }, { host: "%a".repeat(huge / 2) }, { host: "1:".repeat(huge / 2) },
      { host: "a:" + "1".repeat(huge) + "x" }, { clientName: "a".repeat(huge) + " " }, { protocol: "x".repeat(huge) },
      { retry: { ["attempt".repeat(huge / 7)]: 1 } }, { retry: { effects: "read".repeat(huge / 4) } }, { password: "p".repeat(huge) },
      { path: "/a".repeat(huge / 2) }, { username: "u".repeat(huge) }, { port: "1".repeat(huge) },
    ];
    for (const input of inputs) {
      try {
        new respool.Redis(input).destroy();
      } catch (error) {
        if (!(error instanceof respool.OptionsError) || error.message.length > 2000) throw error;
      }
    }
    const redis = new respool.Redis();
    await redis.set("k", "v", { ["x".repeat(huge)]: 1 }).catch((error) => {
      if (!(error instanceof respool.OptionsError) || error.message.length > 2000) throw error;
    });
    console.log(inputs.length);
    redis.destroy();
  `);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "26\n", stderr: "" });
});
