import assert from "node:assert/strict";
import { after, before, test, type TestContext } from "node:test";
import { parseGrammar, type ArgumentNode } from "../../src/commands/grammar.ts";
import { commandNames, commandSpec, knownCommand, type Command } from "../../src/commands/table.ts";
import type { CommandArgument, CommandInfo } from "../../src/commands/typings.generated.ts";
import { startServer, type TestServer } from "../../src/testing/index.ts";
import { RawCommands } from "./raw.ts";

function wordsOf({ name }: Command): number {
  return name.split(" ").length;
}

let server: TestServer;
let raw: RawCommands;
/** What the server says, by the name in capitals with the container: `CONFIG GET`. */
const infos = new Map<string, CommandInfo<string>>();
const docs = new Map<string, CommandArgument<string>[]>();
let version = "";

before(async () => {
  server = await startServer();
  raw = await RawCommands.connect(server.path, 3);
  version = /redis_version:(\S+)/.exec(await raw.info())?.[1] as string;
  const add = (info: CommandInfo<string>): void => {
    infos.set(info[0].toUpperCase().replace("|", " "), info);
    for (const sub of info[9]) add(sub);
  };
  for (const info of await raw.command()) add(info);
  for (const [name, doc] of Object.entries(await raw.command.docs())) {
    docs.set(name.toUpperCase(), doc.arguments ?? []);
    for (const [sub, subDoc] of Object.entries(doc.subcommands ?? {})) {
      docs.set(sub.toUpperCase().replace("|", " "), subDoc.arguments ?? []);
    }
  }
});

after(async () => {
  raw.close();
  await server.stop();
});

/** Not in the table, with the reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  REPLCONF: "between servers",
  PSYNC: "between servers",
  SYNC: "between servers",
  "RESTORE-ASKING": "between servers",
  PFDEBUG: "tests the server",
  PFSELFTEST: "tests the server",
};

/** Where the table's tokens are other than those of Redis 7.0, with the reason. */
const TOKENS_DIFFER: Readonly<Record<string, string>> = {
  BGSAVE: "8.1 adds CANCEL",
  BITOP: "7.0 has the operation as a string",
  "CLIENT KILL": "8.0 adds MAXAGE, and the primary and slave types",
  "CLUSTER SETSLOT": "8.0 adds TIMEOUT",
  HSCAN: "8.0 adds NOVALUES",
  REPLICAOF: "NO ONE is given as the two values",
  SLAVEOF: "NO ONE is given as the two values",
  XADD: "the operator is told for both strategies, and * is a value",
  "XGROUP CREATE": "$ is a value",
  "XGROUP SETID": "$ is a value",
  XTRIM: "the operator is told for both strategies",
  ZRANK: "7.2 adds WITHSCORE",
  ZREVRANK: "7.2 adds WITHSCORE",
  ZSCAN: "8.0 adds NOSCORES",
};

/** Where another number of values is required than in COMMAND DOCS of Redis 7.0. */
const VALUES_DIFFER: Readonly<Record<string, string>> = {
  "COMMAND GETKEYS": "7.0 does not tell its arguments",
  "COMMAND GETKEYSANDFLAGS": "7.0 does not tell its arguments",
  DEBUG: "7.0 does not tell its arguments",
  GEOHASH: "7.0 tells that a member is needed, and takes none",
  GEOPOS: "7.0 tells that a member is needed, and takes none",
  PFMERGE: "7.0 tells that a source is needed, and takes none",
};

/** Where the arity is other than that of Redis 7.0. */
const ARITY_DIFFERS: Readonly<Record<string, string>> = {
  "CLIENT KILL": "a filter has two words",
  COMMAND: "the table has its sub-commands apart",
  "COMMAND GETKEYS": "7.0 asks for an argument, and takes commands without",
  "COMMAND GETKEYSANDFLAGS": "7.0 asks for an argument, and takes commands without",
  QUIT: "the server takes and drops arguments",
  ZRANK: "7.2 adds WITHSCORE",
  ZREVRANK: "7.2 adds WITHSCORE",
};

/** Where the server says "write" or "readonly" and the table does not. */
const EFFECT_DIFFERS: Readonly<Record<string, string>> = {
  BITFIELD: "its options say whether it writes",
  GEORADIUS: "STORE says whether it writes",
  GEORADIUSBYMEMBER: "STORE says whether it writes",
  GETEX: "its options say whether it writes",
  SORT: "STORE says whether it writes",
};

/** On the version that the lists are made for, they must hold exactly; on others, what differs is told. */
function expectListed(t: TestContext, differing: readonly string[], listed: Readonly<Record<string, string>>): void {
  if (version.startsWith("7.0.")) assert.deepEqual(differing.toSorted(), Object.keys(listed).toSorted());
  else t.diagnostic(`${version} differs in: ${differing.join(", ")}`);
}

function known(): [Command, CommandInfo<string>][] {
  return [...commandNames()]
    .map((name) => knownCommand(name))
    .flatMap((command) => {
      const info = infos.get(command.name);
      return info === undefined ? [] : [[command, info]];
    });
}

test("the table has every command that the server knows, but those that only servers send", (t) => {
  const isContainer = (name: string): boolean => [...infos.keys()].some((other) => other.startsWith(`${name} `));
  const missing = [...infos.keys()].filter((name) => commandSpec(name) === undefined && !isContainer(name));
  expectListed(t, missing, LEFT_OUT);
});

test("what the server does not know came after it or belongs to a sentinel", (t) => {
  const later = {
    "CLIENT CAPA": "8.0",
    "CLIENT NO-TOUCH": "7.2",
    "CLIENT SETINFO": "7.2",
    "CLUSTER MYSHARDID": "7.2",
    "CLUSTER SLOT-STATS": "8.0",
    "SCRIPT SHOW": "8.0",
    WAITAOF: "7.2",
  };
  const unknown = [...commandNames()].filter((name) => !infos.has(name) && !name.startsWith("SENTINEL "));
  expectListed(t, unknown, later);
});

test("the arity follows from the arguments", (t) => {
  const differing = known().filter(([command, info]) => {
    const { least, fixed } = countWords(parseGrammar(command.grammar));
    const words = least + wordsOf(command);
    return (fixed ? words : -words) !== info[1];
  });
  expectListed(
    t,
    differing.map(([{ name }]) => name),
    ARITY_DIFFERS,
  );
});

test("commands that the server marks as writing are no reads, and the other way round", (t) => {
  const differing = known().filter(([command, info]) => {
    if (info[2].includes("write")) return command.effect === "read";
    return info[2].includes("readonly") && command.effect !== "read";
  });
  expectListed(
    t,
    differing.map(([{ name }]) => name),
    EFFECT_DIFFERS,
  );
});

test("commands that the server marks as blocking have a block time and are leased, XREAD by its option", (t) => {
  const differing = known().filter(([command, info]) => (command.blocks !== null) !== info[2].includes("blocking"));
  expectListed(
    t,
    differing.map(([{ name }]) => name),
    { WAIT: "7.0 does not mark it" },
  );
  for (const [command] of known().filter(([{ blocks }]) => blocks !== null)) {
    assert.equal(command.route, command.name.startsWith("XREAD") ? "share" : "lease", command.name);
  }
});

test("commands whose reply comes as a push are routed to subscribers", () => {
  for (const [command, info] of known()) {
    const subscribes = info[2].includes("pubsub") && info[2].includes("noscript");
    assert.equal(command.route === "subscribe", subscribes, command.name);
  }
});

test("fixed key positions are those of COMMAND", () => {
  let compared = 0;
  for (const [command, info] of known()) {
    const [, , flags, first, last, step] = info;
    const ranges = command.keys.filter((keys) => keys.at === "range");
    if (flags.includes("movablekeys")) {
      assert.ok(command.keys.length > 0, command.name);
    } else if (first === 0 || info[8].some((spec) => spec.flags.includes("not_key"))) {
      assert.ok(command.keys.length === 0 || /PUBLISH|SUBSCRIBE/.test(command.name), command.name);
    } else {
      // COMMAND counts from the first word; a container's name has two.
      assert.equal(ranges[0]?.first, first - wordsOf(command), command.name);
      const end = ranges.at(-1) as (typeof ranges)[number];
      assert.equal(end.last < 0 ? end.last : end.last + wordsOf(command), last, command.name);
      assert.equal(end.step, step, command.name);
      compared += 1;
    }
  }
  assert.ok(compared > 100, `only ${compared}`);
});

test("tokens are those of COMMAND DOCS, in their order", (t) => {
  const differing = known().filter(([command]) => {
    const theirs = (docs.get(command.name) ?? []).flatMap(docTokens);
    const ours = parseGrammar(command.grammar).flatMap(grammarTokens);
    return ours.join(" ").toUpperCase() !== theirs.join(" ").toUpperCase();
  });
  expectListed(
    t,
    differing.map(([{ name }]) => name),
    TOKENS_DIFFER,
  );
});

test("as many values are required as COMMAND DOCS says", (t) => {
  const differing = known().filter(
    ([command]) =>
      docs.has(command.name) &&
      countDocs(docs.get(command.name) ?? []) !== countWords(parseGrammar(command.grammar)).least,
  );
  expectListed(
    t,
    differing.map(([{ name }]) => name),
    VALUES_DIFFER,
  );
});

function countWords(nodes: readonly ArgumentNode[]): { least: number; fixed: boolean } {
  let least = 0;
  let fixed = true;
  const add = (inner: { least: number; fixed: boolean }): void => {
    least += inner.least;
    fixed &&= inner.fixed;
  };
  for (const node of nodes) {
    if (node.kind === "optional") fixed = false;
    else if (node.kind === "token") add(withToken(node.argument === null ? [] : [node.argument]));
    else if (node.kind === "choice") add(smallest(node.alternatives.map((items) => countWords(items))));
    else if (node.kind === "block") add({ ...countWords(node.items), ...(node.many ? { fixed: false } : {}) });
    else add({ least: 1, fixed: node.kind === "count" || !node.many });
  }
  return { least, fixed };
}

function withToken(items: readonly ArgumentNode[]): { least: number; fixed: boolean } {
  const { least, fixed } = countWords(items);
  return { least: least + 1, fixed };
}

function smallest(counts: readonly { least: number; fixed: boolean }[]): { least: number; fixed: boolean } {
  const least = Math.min(...counts.map((count) => count.least));
  return { least, fixed: counts.every((count) => count.fixed && count.least === least) };
}

function grammarTokens(node: ArgumentNode): string[] {
  switch (node.kind) {
    case "token":
      return [node.token, ...(node.argument === null ? [] : grammarTokens(node.argument))];
    case "enum":
      return [...node.tokens];
    case "choice":
      return node.alternatives.flat().flatMap(grammarTokens);
    case "optional":
    case "block":
      return node.items.flatMap(grammarTokens);
    case "value":
    case "count":
      return [];
  }
}

function docTokens(argument: CommandArgument<string>): string[] {
  // An empty token is a value that may be empty: MIGRATE's key.
  const own =
    argument.token === undefined || argument.token === "" || argument.token === '""' ? [] : argument.token.split(" ");
  return [...own, ...(argument.arguments ?? []).flatMap(docTokens)];
}

function countDocs(docArguments: readonly CommandArgument<string>[]): number {
  return docArguments
    .filter((argument) => !(argument.flags ?? []).includes("optional"))
    .reduce((sum, argument) => {
      const inner = argument.arguments ?? [];
      if (argument.type === "pure-token") return sum + 1;
      const token = argument.token === undefined || argument.token === "" ? 0 : 1;
      if (argument.type === "oneof") return sum + token + Math.min(...inner.map((one) => countDocs([one])));
      return sum + token + (argument.type === "block" ? countDocs(inner) : 1);
    }, 0);
}
