import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, TSC } from "./setup.mjs";

// What the typings cost a program that uses their declarations: tsc on such a program against tsc on an empty one.
// Fails when the instantiations rise above the ceiling; time is only printed, since machines differ.
//   node scripts/type-benchmark.mjs

/** 20 % above what was measured when the typings were made. */
const MAX_INSTANTIATIONS = 2250;
const RUNS = 3;

const EMPTY = `export const nothing: Promise<string | null> = Promise.resolve(null);\n`;

const PROGRAM = `import { Redis } from "./types/index.js";

export async function use(): Promise<unknown[]> {
  const redis = new Redis({ host: "localhost", maxConnections: 10 });
  const ok: "OK" = await redis.set("k", "v", { ex: 300 });
  const old: string | null = await redis.set("k", "v", { get: true });
  const text: string | null = await redis.get("k");
  const bytes: Buffer | null = await redis.buffers.get("k");
  const user: Record<string, string> = await redis.hgetall("user");
  await redis.hset("user", { name: "Ada", born: 1815 });
  const board: [string, number][] = await redis.zrange("z", 0, 9, { rev: true, withscores: true });
  await redis.zadd("z", [[1, "a"]], { gt: true });
  const job: [string, string] | null = await redis.blpop(["a", "b"], 5);
  const some: string[] | null = await redis.lpop("l", 2);
  const entries = await redis.xread({ s: "0" }, { count: 10 });
  const hz: Record<string, string> = await redis.config.get("hz");
  const near = await redis.geosearch("g", { frommember: "m", byradius: { radius: 1, unit: "km" }, withdist: true });
  const [a, b, c] = await redis.pipeline().set("k", "v").get("k").incr("n").exec();
  const sum = await redis.transaction(["n"], async (tx) => {
    const n = Number(await tx.get("n"));
    return tx.multi().set("n", n + 1).get("n");
  });
  return [sum, ok, old, text, bytes, user, board, job, some, entries, hz, near, a, b, c];
}
`;

/** Runs tsc on one program: the best time of a few runs, s, and the instantiations. */
function measure(folder, name, text) {
  const file = join(folder, `${name}.ts`);
  writeFileSync(file, text);
  const config = join(folder, `tsconfig.${name}.json`);
  writeFileSync(
    config,
    JSON.stringify({ extends: "../tsconfig.json", include: [`${name}.ts`], compilerOptions: { types: ["node"] } }),
  );
  let seconds = Number.POSITIVE_INFINITY;
  let instantiations = 0;
  for (let run = 0; run < RUNS; run++) {
    const output = execFileSync(process.execPath, [TSC, "-p", config, "--noEmit", "--extendedDiagnostics"], {
      encoding: "utf8",
    });
    seconds = Math.min(seconds, Number(/Total time:\s+([\d.]+)s/.exec(output)[1]));
    instantiations = Number(/Instantiations:\s+(\d+)/.exec(output)[1]);
  }
  return { seconds, instantiations };
}

/** The declarations, as the package holds them. */
function declare(folder) {
  const config = join(folder, "tsconfig.types.json");
  const compilerOptions = {
    noEmit: false,
    emitDeclarationOnly: true,
    declaration: true,
    rootDir: "../src",
    outDir: "types",
  };
  writeFileSync(config, JSON.stringify({ extends: "../tsconfig.json", include: ["../src/index.ts"], compilerOptions }));
  execFileSync(process.execPath, [TSC, "-p", config]);
}

const folder = mkdtempSync(join(ROOT, ".type-benchmark-"));
try {
  declare(folder);
  const empty = measure(folder, "empty", EMPTY);
  const program = measure(folder, "program", PROGRAM);
  const instantiations = program.instantiations - empty.instantiations;
  console.log(`empty program    ${empty.seconds.toFixed(2)} s  ${empty.instantiations} instantiations`);
  console.log(`with Redis       ${program.seconds.toFixed(2)} s  ${program.instantiations} instantiations`);
  console.log(
    `difference       ${(program.seconds - empty.seconds).toFixed(2)} s  ${instantiations} instantiations (at most ${MAX_INSTANTIATIONS})`,
  );
  if (instantiations > MAX_INSTANTIATIONS) {
    console.error(
      "the typings have become more expensive: see src/commands/typings.ts, or raise the ceiling with a reason",
    );
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
