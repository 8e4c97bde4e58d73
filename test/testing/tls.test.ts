import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { startServer, type TestServer } from "../../src/testing/index.ts";
import { connectRaw } from "../support/raw-client.ts";

async function handshake(server: TestServer, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: server.host, port: server.port, ...options });
  await once(socket, "secureConnect");
  return socket;
}

test("a client that trusts the authority verifies the server by address and by name", async () => {
  await using server = await startServer({ tls: true });
  assert.ok(server.tls !== undefined);
  assert.equal(server.url, `rediss://127.0.0.1:${server.port}`);
  for (const servername of [undefined, "localhost"]) {
    const socket = await handshake(server, { ca: server.tls.ca, ...(servername === undefined ? {} : { servername }) });
    assert.equal(socket.authorized, true);
    socket.destroy();
  }
  using raw = await connectRaw({ port: server.port, tls: { ca: server.tls.ca } });
  assert.equal(await raw.command("PING"), "PONG");
});

test("a client that does not trust the authority, or expects another name, refuses the server", async () => {
  await using server = await startServer({ tls: true });
  await using other = await startServer({ tls: { names: ["example.test"] } });
  await assert.rejects(handshake(server, {}), {
    code: /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT/,
  });
  await assert.rejects(handshake(server, { ca: other.tls?.ca }), { code: /CERT|SIGNATURE|ISSUER/ });
  await assert.rejects(handshake(other, { ca: other.tls?.ca }), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  const named = await handshake(other, { ca: other.tls?.ca, servername: "example.test" });
  assert.equal(named.authorized, true);
  named.destroy();
});

test("a server that requires client certificates takes its own and refuses none and a stranger's", async () => {
  await using server = await startServer({ tls: { clientCertificate: "required" }, password: "secret" });
  await using other = await startServer({ tls: true });
  assert.ok(server.tls !== undefined && other.tls !== undefined);
  using raw = await connectRaw({ port: server.port, tls: { ...server.tls }, password: "secret" });
  assert.equal(await raw.command("PING"), "PONG");
  // With TLS 1.3 the client's handshake is over before the server has looked at its certificate.
  const ping = async (tls: ConnectionOptions): Promise<unknown> => {
    using refused = await connectRaw({ port: server.port, tls });
    return await refused.command("PING");
  };
  await assert.rejects(ping({ ca: server.tls.ca }));
  await assert.rejects(ping({ ca: server.tls.ca, cert: other.tls.cert, key: other.tls.key }));
});

test("a server that takes client certificates as optional verifies those that are shown", async () => {
  await using server = await startServer({ tls: { clientCertificate: "optional" } });
  assert.ok(server.tls !== undefined);
  for (const tls of [{ ca: server.tls.ca }, { ...server.tls }]) {
    using raw = await connectRaw({ port: server.port, tls });
    assert.equal(await raw.command("PING"), "PONG");
  }
});

test("certificates survive a restart, and are signed, dated and named as they should be", async () => {
  await using server = await startServer({
    tls: { names: ["localhost", "db.example.test", "127.0.0.1", "::1", "2001:db8::10.0.0.1"] },
  });
  assert.ok(server.tls !== undefined);
  await server.restart();
  const socket = await handshake(server, { ca: server.tls.ca, minVersion: "TLSv1.3" });
  const presented = socket.getPeerX509Certificate();
  socket.destroy();
  assert.ok(presented !== undefined);
  const authority = new X509Certificate(server.tls.ca);
  const client = new X509Certificate(server.tls.cert);
  assert.equal(authority.ca, true);
  for (const leaf of [presented, client]) {
    assert.equal(leaf.ca, false);
    assert.equal(leaf.checkIssued(authority), true);
    assert.equal(leaf.verify(authority.publicKey), true);
    assert.ok(new Date(leaf.validFrom) < new Date() && new Date(leaf.validTo) > new Date());
  }
  assert.equal(presented.checkHost("db.example.test"), "db.example.test");
  assert.equal(presented.checkHost("other.example.test"), undefined);
  assert.equal(presented.checkIP("::1"), "::1");
  assert.equal(presented.checkIP("2001:db8::a00:1"), "2001:db8::a00:1");
  assert.equal(presented.checkIP("127.0.0.2"), undefined);
  assert.notEqual(presented.serialNumber, client.serialNumber);
});
