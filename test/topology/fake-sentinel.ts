import type { NodeAddress } from "../../src/index.ts";
import { startScriptedServer, type ScriptedServer } from "../support/scripted-server.ts";

export function place({ host, port }: { host: string; port: number }): { host: string; port: number } {
  return { host, port };
}

function bulk(text: string | number): string {
  return `$${String(text).length}\r\n${text}\r\n`;
}

function list(...items: readonly string[]): string {
  return `*${items.length}\r\n${items.join("")}`;
}

export interface Told {
  readonly primary: { readonly host: string; readonly port: number } | null;
  readonly epoch?: number;
  readonly replicas?: readonly NodeAddress[];
  readonly flags?: string;
  readonly sentinels?: readonly NodeAddress[];
}

/** A sentinel that says what it is told to say, in RESP2, and has no news. */
export function startFakeSentinel(told: () => Told, port?: number): Promise<ScriptedServer> {
  return startScriptedServer(
    ([command = "", ...words]) => {
      const [what = "", name = ""] = words;
      const { primary, epoch = 0, replicas = [], flags = "slave", sentinels = [] } = told();
      if (command === "HELLO") return "-ERR unknown command\r\n";
      if (command === "SUBSCRIBE")
        return words.map((channel, at) => list(bulk("subscribe"), bulk(channel), `:${at + 1}\r\n`)).join("");
      if (command === "ECHO") return bulk(what);
      if (command !== "SENTINEL") return "+OK\r\n";
      if (primary === null)
        return what === "GET-MASTER-ADDR-BY-NAME" ? "*-1\r\n" : "-ERR No such master with that name\r\n";
      if (what === "GET-MASTER-ADDR-BY-NAME") return list(bulk(primary.host), bulk(primary.port));
      if (what === "MASTER") return list(bulk("name"), bulk(name), bulk("config-epoch"), bulk(epoch));
      const fields = { flags, "role-reported": "slave", "master-link-status": "ok" };
      const records = (what === "REPLICAS" ? replicas : sentinels).map(({ host = "", port = 0 }) =>
        list(...Object.entries({ ip: host, port, ...fields }).flatMap(([key, value]) => [bulk(key), bulk(value)])),
      );
      return list(...records);
    },
    { port: port ?? 0 },
  );
}
