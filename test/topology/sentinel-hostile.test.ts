import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../src/index.ts";
import { startServer } from "../../src/testing/index.ts";
import { startScriptedServer } from "../support/scripted-server.ts";

/** A list of lists of strings, as RESP2 has it. */
function encode(value: string | readonly unknown[]): string {
  if (typeof value === "string") return `$${value.length}\r\n${value}\r\n`;
  return `*${value.length}\r\n${value.map((each) => encode(each as string)).join("")}`;
}

for (const ip of ["no address", "10.0.0.1:5", "[::1", "a/b"]) {
  test(`a sentinel that tells of a replica and of a sentinel at ${JSON.stringify(ip)} is believed in all else`, async () => {
    await using server = await startServer();
    const wrong = ["ip", ip, "port", "26379", "flags", "slave", "master-link-status", "ok"];
    await using sentinel = await startScriptedServer((words) => {
      const [name = "", second = ""] = words.map((word) => word.toUpperCase());
      if (name === "HELLO") return "-ERR unknown command 'HELLO'\r\n";
      if (name === "CLIENT") return second === "ID" ? ":1\r\n" : "+OK\r\n";
      if (name !== "SENTINEL") return null;
      if (second === "MASTER") return encode(["config-epoch", "0"]);
      return encode(second === "GET-MASTER-ADDR-BY-NAME" ? ["127.0.0.1", String(server.port)] : [wrong]);
    });
    await using redis = Redis.sentinel(
      { name: "mymaster", sentinels: [{ host: "127.0.0.1", port: sentinel.port }] },
      { commandTimeout: 1500 },
    );
    assert.equal(await redis.set("a", "1"), "OK");
  });
}
