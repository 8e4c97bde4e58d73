import assert from "node:assert/strict";
import { sharedServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { assertClosed, assertStruck, assertUnharmed, faultTests, isWork, SITUATIONS } from "./play.ts";
import { PATIENT } from "./scene.ts";

const server = sharedServer();
const file = import.meta.url;

faultTests(
  file,
  {
    row: 35,
    name: "unsolicited pushes",
    what: "they take nobody's reply, between any two replies",
    client: PATIENT,
    strike: ({ proxy, injected }) => {
      for (const items of [
        ["invalidate", ["k"]],
        ["message", "ch", "hello"],
        ["sunsubscribe", "ch", 0],
      ])
        injected.push(proxy.inject("push", { items, command: isWork }));
      injected.push(proxy.inject("push", { items: ["invalidate", null] }));
      injected.push(proxy.inject("push", { items: ["server-cpu-usage", 42], after: 50 }));
    },
    felt: assertStruck,
    after: assertUnharmed,
  },
  server,
);

faultTests(
  file,
  {
    row: 36,
    name: "a reply too many, while nothing is due",
    what: "the connection is replaced at once; nobody gets the reply",
    situations: ["idle"],
    strike: async ({ proxy, pool }) => {
      proxy.inject("reply", { raw: "+nobody asked\r\n" });
      await until(() => pool.stats().closedBecause.protocol === 3, { what: "each of the three is replaced" });
    },
    felt: (scene) => assertClosed(scene, "protocol"),
  },
  server,
);

// Redis numbers no replies: one too many, or too few, is like the next one's until something is odd. What is held is how soon that is.
faultTests(
  file,
  {
    row: 36,
    name: "a reply too many, while others are due",
    what: "the connection is replaced as soon as a reply does not fit its command, or the next check of the order comes; those in between may have got others' replies",
    situations: SITUATIONS.filter((situation) => situation !== "idle"),
    foreignReplies: 512,
    hold: 300,
    strike: ({ proxy }) => void proxy.inject("reply", { raw: ":77\r\n", command: "INCR", nth: 3 }),
    felt: (scene) => assertClosed(scene, "order", "protocol", "unread"),
  },
  server,
);

faultTests(
  file,
  {
    row: 36,
    name: "a reply that never comes",
    what: "the same; where nothing follows, `socketTimeout` ends it",
    detect: 300,
    foreignReplies: 512,
    hold: 400,
    strike: ({ proxy }) => void proxy.inject("swallow", { command: "INCR", nth: 2 }),
    felt: (scene) => assertClosed(scene, "order", "protocol", "unread", "socket-timeout"),
  },
  server,
);

faultTests(
  file,
  {
    row: 36,
    name: "a reply of another type",
    what: "what is no RESP ends the connection at once; what was sent is unknown",
    strike: ({ proxy }) => {
      for (const nth of [2, 20]) proxy.inject("corrupt", { command: isWork, nth });
    },
    felt: (scene) => {
      assertClosed(scene, "protocol");
      assert.ok(scene.oracle.endings.unknown > 0 || scene.retries.size > 0);
    },
  },
  server,
);
