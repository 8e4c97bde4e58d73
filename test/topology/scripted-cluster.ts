import { startScriptedServer, type ScriptedServer } from "../support/scripted-server.ts";

/** Answers a command by its name in capitals and its words; null for silence. */
type Answer = (name: string, words: string[]) => string | null;

/** A shard of scripted nodes. */
export interface ScriptedShard extends AsyncDisposable {
  readonly nodes: readonly ScriptedServer[];
  /** Where a client begins. */
  readonly seeds: { host: string; port: number }[];
  /** How often the nodes were sent a command. */
  count(name: string): number;
}

/**
 * One shard with all slots, whose nodes say what a test wants: the first one is the primary, the others are its replicas.
 * They know CLUSTER SLOTS only, as servers before Redis 7.
 */
export async function startScriptedShard(...answers: readonly Answer[]): Promise<ScriptedShard> {
  const nodes: ScriptedServer[] = [];
  const places = (): string => nodes.map(({ port }) => `*2\r\n$9\r\n127.0.0.1\r\n:${port}\r\n`).join("");
  for (const answer of answers) {
    const node = await startScriptedServer((words) => {
      const [name = "", second = ""] = words.map((word) => word.toUpperCase());
      if (name === "HELLO") return "-ERR unknown command 'HELLO'\r\n";
      if (name === "CLIENT") return second === "ID" ? ":1\r\n" : "+OK\r\n";
      if (name === "READONLY") return "+OK\r\n";
      if (name === "CLUSTER" && second === "SHARDS") return "-ERR unknown subcommand\r\n";
      if (name === "CLUSTER") return `*1\r\n*${2 + nodes.length}\r\n:0\r\n:16383\r\n${places()}`;
      return answer(name, words);
    });
    nodes.push(node);
  }
  return {
    nodes,
    seeds: [{ host: "127.0.0.1", port: nodes[0]?.port ?? 0 }],
    count: (name) => nodes.flatMap(({ received }) => received.filter(({ command }) => command[0] === name)).length,
    [Symbol.asyncDispose]: async () => void (await Promise.all(nodes.map((node) => node.close()))),
  };
}
