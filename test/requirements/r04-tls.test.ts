import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectError, ConnectionPool, Redis, type RedisOptions } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";

async function refusal(options: RedisOptions): Promise<ConnectError> {
  await using redis = new Redis(options);
  const error: unknown = await redis.get("k").catch((reason: unknown) => reason);
  assert.ok(error instanceof ConnectError, String(error));
  assert.equal(error.outcome, "not-sent");
  return error;
}

test("R4: tls encrypts every connection, by option or by rediss:// URL", async () => {
  await using server = await startServer({ tls: true, password: "sesame" });
  const { port, tls } = server;
  for (const redis of [
    new Redis({ host: "127.0.0.1", port, password: "sesame", tls }),
    new Redis({ host: "localhost", port, password: "sesame", tls }),
    new Redis(server.url, { tls: { ca: tls?.ca } }),
  ]) {
    await redis.set("k", "v");
    const large = "x".repeat(1_000_000);
    await redis.set("large", large);
    assert.equal(await redis.get("large"), large);
    await redis.rpush("q", "job");
    assert.deepEqual(await redis.blpop("q", 1), ["q", "job"]);
    await redis.close();
  }
  await using plain = new Redis({
    host: "127.0.0.1",
    port,
    password: "sesame",
    connectTimeout: 300,
    commandTimeout: 500,
  });
  await assert.rejects(plain.get("k"), { outcome: "not-sent" });
});

test("R4: a server whose certificate is not trusted is refused at once, with the remedy", async () => {
  await using server = await startServer({ tls: true });
  await using other = await startServer({ tls: { names: ["example.test"] } });
  const refused: RedisOptions[] = [
    { port: server.port, tls: true },
    { port: server.port, tls: { ca: other.tls?.ca } },
    { port: other.port, tls: { ca: other.tls?.ca } }, // the name is another one
  ];
  for (const options of refused) {
    const error = await refusal(options);
    assert.equal(error.code, "ERR_CONNECT_TLS");
    assert.equal(error.permanent, true);
    assert.match(error.message, /the certificate is not trusted \([A-Z_]+\): give its authority as tls\.ca/);
  }
  await using named = new Redis({ port: other.port, tls: { ca: other.tls?.ca, servername: "example.test" } });
  assert.equal(await named.ping(), "PONG");
});

test("R4: a client certificate is shown where the server requires one", async () => {
  await using server = await startServer({ tls: { clientCertificate: "required" } });
  await using other = await startServer({ tls: true });
  const { port, tls } = server;
  await using redis = new Redis({ port, tls });
  await redis.set("k", "v");
  await using pool = new ConnectionPool({ port, tls });
  assert.equal(await pool.use((lease) => lease.get("k")), "v");
  using raw = await connectRaw({ port, tls: { ...tls } });
  assert.equal(await raw.command("GET", "k"), "v");
  for (const stranger of [{ ca: tls?.ca }, { ca: tls?.ca, cert: other.tls?.cert, key: other.tls?.key }]) {
    // The server's alert, or only the reset that follows it: what of the two the client reads first is up to the kernel.
    await using refused = new Redis({ port, tls: stranger, commandTimeout: 300 });
    await assert.rejects(refused.get("k"), {
      code: /^ERR_CONNECT_TLS$|^ERR_COMMAND_TIMEOUT$/,
      outcome: "not-sent",
      message: /does it want a client certificate \(tls\.cert, tls\.key\)/,
    });
  }
});

test("R4: a connection over TLS that is lost is made anew over TLS", async () => {
  await using server = await startServer({ tls: true });
  await using redis = new Redis({ port: server.port, tls: server.tls });
  await redis.set("k", "v");
  await server.restart({ keepData: true });
  assert.equal(await redis.get("k"), "v");
});
