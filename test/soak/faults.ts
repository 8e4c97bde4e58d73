import { setTimeout as sleep } from "node:timers/promises";
import type { Random, TestServer } from "respool/testing";
import type { Proxy } from "../support/proxy.ts";
import type { Inspector } from "./inspector.ts";

/** What faults are made with. */
export interface FaultParts {
  readonly server: TestServer;
  readonly proxy: Proxy;
  readonly inspector: Inspector;
  readonly random: Random;
  /** The CLIENT SETNAME of the connections under load. */
  readonly clientName: string;
}

/** Makes a fault, and returns when it is over. */
type Fault = (parts: FaultParts) => Promise<void>;

/** What happens to the server, or to the way to it. */
export type FaultName =
  | "cut"
  | "reset"
  | "cut in a reply"
  | "cut in a command"
  | "blackhole to the server"
  | "blackhole to the client"
  | "blackhole both ways"
  | "delay"
  | "split"
  | "refused"
  | "server stopped"
  | "server killed"
  | "server restarted"
  | "CLIENT KILL"
  | "CLIENT PAUSE"
  | "max clients";

export const FAULTS: Readonly<Record<FaultName, Fault>> = {
  cut: async ({ proxy }) => proxy.cut(),
  reset: async ({ proxy }) => proxy.cut({ reset: true }),
  "cut in a reply": (parts) => cutSoon(parts, "toClient"),
  "cut in a command": (parts) => cutSoon(parts, "toServer"),
  "blackhole to the server": ({ proxy, random }) => blackhole(proxy, "toServer", random.between(200, 1800)),
  "blackhole to the client": ({ proxy, random }) => blackhole(proxy, "toClient", random.between(200, 1800)),
  "blackhole both ways": ({ proxy, random }) => blackhole(proxy, "both", random.between(200, 1800)),
  delay: async ({ proxy, random }) => {
    proxy.delay(random.between(20, 200));
    await sleep(random.between(300, 1000));
    proxy.delay(0);
  },
  split: async ({ proxy }) => {
    proxy.splitEveryByte(true);
    await sleep(100);
    proxy.splitEveryByte(false);
  },
  refused: async ({ proxy, random }) => {
    await proxy.refuse(true);
    proxy.cut({ reset: true });
    await sleep(random.between(100, 1000));
    await proxy.refuse(false);
  },
  "server stopped": async ({ server, random }) => {
    server.pause();
    await sleep(random.between(200, 1800));
    server.resume();
  },
  "server killed": ({ inspector, random }) => inspector.restart("kill", random.between(0, 500)),
  "server restarted": ({ inspector }) => inspector.restart("stop", 0),
  "CLIENT KILL": async (parts) => killHalf(parts),
  "CLIENT PAUSE": async ({ inspector, random }) => {
    const time = Math.round(random.between(100, 1200));
    await inspector.raw.command("CLIENT", "PAUSE", time, "ALL");
    await sleep(time);
  },
  "max clients": async (parts) => {
    const { inspector, random } = parts;
    const clients = await inspector.raw.clients({ all: true });
    await inspector.raw.command("CONFIG", "SET", "maxclients", Math.max(2, Math.ceil(clients.length / 2)));
    await killHalf(parts);
    await sleep(random.between(200, 1200));
    await inspector.raw.command("CONFIG", "SET", "maxclients", 10_000);
  },
};

export const FAULT_NAMES: readonly FaultName[] = Object.keys(FAULTS) as FaultName[];

async function cutSoon({ proxy, random }: FaultParts, direction: "toClient" | "toServer"): Promise<void> {
  const before = proxy.accepted;
  proxy.cutAfterBytes(direction, 1 + random.below(5000));
  for (let waited = 0; waited < 1000 && proxy.accepted === before; waited += 5) await sleep(5);
}

async function blackhole(proxy: Proxy, direction: "toClient" | "toServer" | "both", time: number): Promise<void> {
  proxy.blackhole(direction, true);
  await sleep(time);
  proxy.blackhole(direction, false);
}

async function killHalf({ inspector, random, clientName }: FaultParts): Promise<void> {
  const clients = (await inspector.raw.clients()).filter(({ name }) => name === clientName);
  for (const { id = "" } of clients) {
    if (random.chance(0.5)) await inspector.raw.command("CLIENT", "KILL", "ID", id).catch(() => undefined); // it may have gone
  }
}
