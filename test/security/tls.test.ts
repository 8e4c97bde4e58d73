import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { ConnectError, Redis, RedisError, type RedisOptions } from "../../src/index.ts";
import { issueCertificates } from "../../src/testing/certificate.ts";
import { startServer } from "../../src/testing/index.ts";
import { startListener, type Listener } from "./listener.ts";

const CANARY = "cAnArY-pAsSwOrD";
/** A redis server of few words, as whoever listens on a port may play it. */
const answers = (socket: Socket): void => void socket.on("data", () => socket.write("+OK\r\n".repeat(8)));
const quick = {
  commandTimeout: 400,
  acquireTimeout: 300,
  connectTimeout: 250,
  reconnect: { minDelay: 5, maxDelay: 10 },
} as const;

async function failureOf(promise: Promise<unknown>): Promise<RedisError> {
  const error: unknown = await promise.then(
    (value) => assert.fail(`it should have failed, and gave ${String(value)}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RedisError, String(error));
  return error;
}

/** The only thing that a client of TLS may say to whoever it does not know: how to begin. */
function saysOnlyHello(listener: Listener): void {
  assert.ok(listener.received.length > 0, "nobody connected");
  for (const bytes of listener.received) {
    const text = bytes.toString("latin1");
    assert.ok(
      bytes.length === 0 || (bytes[0] === 0x16 && bytes[1] === 0x03),
      `not a TLS record: ${JSON.stringify(text.slice(0, 60))}`,
    );
    assert.ok(!text.includes(CANARY) && !/HELLO\r\n|AUTH\r\n|\$\d+\r\n/.test(text), "Redis's protocol in clear");
  }
}

const TLS_ALERT = Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]);

const impostors: Record<string, (socket: Socket) => void> = {
  "that speaks plain Redis": answers,
  "that speaks first, in plain": (socket) => {
    socket.write("+OK\r\n");
    answers(socket);
  },
  "that offers to begin TLS later": (socket) => {
    socket.write("220 ready\r\n250 STARTTLS\r\n");
    socket.on("data", () => socket.write("+OK begin TLS now\r\n"));
  },
  "that asks for plain by an error": (socket) =>
    void socket.on("data", () => socket.write("-ERR TLS is not supported here, connect without\r\n")),
  "that resets every handshake": (socket) => void socket.once("data", () => socket.resetAndDestroy()),
  "that ends every handshake": (socket) => void socket.once("data", () => socket.end()),
  "that hangs up at once": (socket) => void socket.end(),
  "that sends a TLS alert, then plain": (socket) =>
    void socket.once("data", () => {
      socket.write(TLS_ALERT);
      answers(socket);
    }),
  "that is silent": () => undefined,
};

for (const [what, behave] of Object.entries(impostors)) {
  test(`a client of TLS says nothing in clear to a server ${what}, however often it tries`, async () => {
    await using listener = await startListener(behave);
    for (const make of [
      () => new Redis(`rediss://app:${CANARY}@127.0.0.1:${listener.port}/1`, quick),
      () => new Redis({ port: listener.port, password: CANARY, clientName: "app", tls: true, protocol: 2, ...quick }),
    ]) {
      const redis = make();
      const errors = await Promise.all([
        failureOf(redis.set("k", CANARY)),
        failureOf(redis.blpop(CANARY, 1)),
        failureOf(redis.with({ timeout: 300 }).subscribe(CANARY)),
      ]);
      for (const error of errors) assert.equal(error.outcome, "not-sent", error.message);
      await redis.close({ timeout: 50 });
    }
    saysOnlyHello(listener);
  });
}

test("the trap for plain bytes works: a client without TLS falls into it", async () => {
  await using listener = await startListener(answers);
  const redis = new Redis({ port: listener.port, password: CANARY, ...quick });
  await redis.set("k", "v").catch(() => undefined);
  await redis.close({ timeout: 20 });
  assert.throws(() => saysOnlyHello(listener), /not a TLS record/);
});

/** Forwards a connection to a port as it is. */
function forward(socket: Socket, port: number): void {
  const other = connect(port, "127.0.0.1");
  other.on("error", () => socket.destroy());
  socket.on("close", () => other.destroy());
  other.on("close", () => socket.destroy());
  socket.pipe(other).pipe(socket);
}

test("someone in the middle who resets handshakes gains nothing: the client goes on with TLS, and only with it", async () => {
  await using server = await startServer({ tls: true, password: CANARY });
  await using middle = await startListener((socket, index) => {
    if (index < 3) socket.once("data", () => socket.resetAndDestroy());
    else forward(socket, server.port);
  });
  await using redis = new Redis({
    port: middle.port,
    password: CANARY,
    tls: { ca: server.tls?.ca },
    reconnect: { minDelay: 5, maxDelay: 10 },
  });
  assert.equal(await redis.set("k", CANARY), "OK");
  assert.equal(await redis.get("k"), CANARY);
  assert.ok(middle.received.length >= 4, `${middle.received.length} connections`);
  saysOnlyHello(middle);
});

test("a server that comes back without TLS on the same port is not talked to", async () => {
  let plain = false;
  await using server = await startServer({ tls: true, password: CANARY });
  await using impostor = await startListener(answers);
  // In front of both: the true server first, then the impostor.
  await using switchboard = await startListener((socket) => forward(socket, plain ? impostor.port : server.port));
  await using redis = new Redis({ port: switchboard.port, password: CANARY, tls: { ca: server.tls?.ca }, ...quick });
  assert.equal(await redis.set("k", "v"), "OK");
  plain = true;
  await server.stop();
  const error = await failureOf(redis.set("k", CANARY));
  assert.equal(error.outcome, "not-sent");
  saysOnlyHello(impostor);
});

/** Servers with a certificate that must not be accepted for `localhost` or `127.0.0.1`, and what the client was told to trust. */
const untrusted: Record<string, () => { cert: string; key: string; options: RedisOptions }> = {
  "by an authority that nobody knows": () => ({ ...issueCertificates(["localhost"]).server, options: { tls: true } }),
  "by another authority than the one that was given": () => ({
    ...issueCertificates(["localhost"]).server,
    options: { tls: { ca: issueCertificates(["localhost"]).ca } },
  }),
  "for another name": () => {
    const { server, ca } = issueCertificates(["other.test"]);
    return { ...server, options: { tls: { ca } } };
  },
  "for a name below that of the host": () => {
    const { server, ca } = issueCertificates(["a.localhost", "*.localhost"]);
    return { ...server, options: { tls: { ca } } };
  },
  "for a name, where the host is an address": () => {
    const { server, ca } = issueCertificates(["localhost"]);
    return { ...server, options: { host: "127.0.0.1", tls: { ca } } };
  },
  "for another address": () => {
    const { server, ca } = issueCertificates(["127.0.0.2"]);
    return { ...server, options: { host: "127.0.0.1", tls: { ca } } };
  },
  "for the host, where another name was asked for": () => {
    const { server, ca } = issueCertificates(["localhost", "127.0.0.1"]);
    return { ...server, options: { tls: { ca, servername: "other.test" } } };
  },
  "of a client": () => {
    const { client, ca } = issueCertificates(["localhost"]);
    return { ...client, options: { tls: { ca } } };
  },
};

for (const [what, make] of Object.entries(untrusted)) {
  test(`nothing at all is said to a server with a certificate ${what}`, async () => {
    const { cert, key, options } = make();
    await using listener = await startListener(answers, { cert, key });
    await using redis = new Redis({ host: "localhost", port: listener.port, password: CANARY, ...quick, ...options });
    const errors = await Promise.all([failureOf(redis.set("k", CANARY)), failureOf(redis.blpop("k", 1))]);
    for (const error of errors) {
      assert.ok(error instanceof ConnectError, String(error));
      assert.deepEqual([error.code, error.permanent, error.outcome], ["ERR_CONNECT_TLS", true, "not-sent"]);
    }
    assert.deepEqual(Buffer.concat(listener.received).toString("latin1"), "", "bytes for whom nobody knows");
    // The trap works: without verification the impostor hears everything.
    const tls = { ...(typeof options.tls === "object" ? options.tls : {}), rejectUnauthorized: false };
    const careless = new Redis({ host: "localhost", port: listener.port, password: CANARY, ...quick, ...options, tls });
    await careless.set("k", "v").catch(() => undefined);
    await careless.close({ timeout: 20 });
    assert.ok(Buffer.concat(listener.received).includes(CANARY));
  });
}

test("TLS older than 1.2 is refused", async () => {
  const { server, ca } = issueCertificates(["localhost", "127.0.0.1"]);
  const old = { ...server, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT:@SECLEVEL=0" } as const;
  await using listener = await startListener(answers, old);
  await using redis = new Redis({ port: listener.port, password: CANARY, tls: { ca }, ...quick });
  const error = await failureOf(redis.get("k"));
  assert.deepEqual([error.code, error.outcome], ["ERR_CONNECT_TLS", "not-sent"]);
  assert.equal(Buffer.concat(listener.received).length, 0);
});

test("a URL of TLS cannot be turned to plain by options, by its query or by its fragment", () => {
  for (const make of [
    () => new Redis("rediss://localhost", { tls: false }),
    () => new Redis("rediss://localhost?tls=false"),
    () => new Redis("rediss://localhost#tls=false"),
    () => new Redis("rediss://localhost/?tls"),
    () => new Redis("valkeys://localhost", { tls: false }),
  ]) {
    assert.throws(make, { code: "ERR_OPTIONS" });
  }
});
