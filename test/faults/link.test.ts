import { sharedServer } from "../support/server.ts";
import { assertClosed, assertStruck, assertUnharmed, assertWaited, faultTests, isWork } from "./play.ts";
import { PATIENT, type Scene } from "./scene.ts";

const server = sharedServer();
const file = import.meta.url;

const lost = (scene: Scene): void => assertClosed(scene, "lost");

const CUT_OFF = "what was sent is unknown, reads are sent again, the connection is replaced";

faultTests(
  file,
  {
    row: 1,
    name: "reset (RST)",
    what: CUT_OFF,
    strike: ({ proxy }) => {
      for (const after of [0, 40, 80]) proxy.inject("cut", { reset: true, after });
    },
    felt: lost,
  },
  server,
);

faultTests(
  file,
  {
    row: 2,
    name: "FIN in the middle of a reply",
    what: `${CUT_OFF}; half a reply is nobody's`,
    strike: ({ proxy }) => {
      for (const nth of [1, 9, 30]) proxy.inject("cut", { command: isWork, nth, at: "mid-reply" });
    },
    felt: lost,
  },
  server,
);

for (const [row, name, direction] of [
  [3, "dead link, both ways", "both"],
  [4, "dead link, inbound only", "toClient"],
  [5, "dead link, outbound only", "toServer"],
] as const) {
  faultTests(
    file,
    {
      row,
      name,
      what: "after `socketTimeout` of silence the connection is replaced; what was sent is unknown, and runs once if it arrives late",
      hold: 500,
      strike: ({ proxy }) => void proxy.inject("blackhole", { direction }),
      felt: (scene) => assertClosed(scene, "socket-timeout"),
    },
    server,
  );
}

faultTests(
  file,
  {
    row: 6,
    name: "one byte per second",
    what: "slower than `socketTimeout` a byte: it counts as dead and is replaced; commands end at their limits",
    hold: 700,
    strike: ({ proxy }) => void proxy.inject("slow", { bytesPerSecond: 1 }),
    felt: (scene) => assertClosed(scene, "socket-timeout"),
  },
  server,
);

faultTests(
  file,
  {
    row: 7,
    name: "every byte alone",
    what: "nothing but time is lost",
    client: PATIENT,
    strike: ({ proxy, injected }) => void injected.push(proxy.inject("split")),
    felt: (scene) => assertStruck(scene, 200),
    after: assertUnharmed,
  },
  server,
);

faultTests(
  file,
  {
    row: 8,
    name: "latency step with jitter",
    what: "nothing but time is lost: a slow link is not taken for a dead one",
    client: PATIENT,
    hold: 250,
    strike: ({ proxy }) => void proxy.inject("delay", { ms: 40, jitter: 40 }),
    felt: (scene) => assertWaited(scene, 80), // there and back
    after: assertUnharmed,
  },
  server,
);
