// npm test: sets up what is missing and runs the tests.
//
//   npm test                                  all of them
//   npm test -- pool                          files whose path contains "pool"
//   npm test -- test/pool/lease.test.ts       one file
//   npm test -- pool --test-name-pattern=WATCH    options go to node
import { availableParallelism } from "node:os";
import { isAbsolute, relative } from "node:path";
import { fail, filesBelow, main, ROOT, runNode, setUp } from "./setup.mjs";

// So that nothing hangs for ever. Node 20 applies --test-timeout to a file as a whole (newer ones to each test, too):
// the tests of a file that is ended are reported up to the one that hung.
const FILE_TIMEOUT = 5 * 60_000;
const TOTAL_TIMEOUT = 20 * 60_000;
// Each file has a process of its own and servers beside it: more files than processors only disturb each other.
const CONCURRENCY = Math.max(2, Math.min(4, availableParallelism()));

await main(async () => {
  const filters = process.argv.slice(2).filter((word) => !word.startsWith("-"));
  const options = process.argv.slice(2).filter((word) => word.startsWith("-"));
  const all = [...filesBelow("test"), ...filesBelow("examples")].filter((path) => path.endsWith(".test.ts"));
  const files =
    filters.length === 0 ? all : all.filter((path) => filters.some((filter) => path.includes(fromRoot(filter))));
  if (files.length === 0)
    fail(`no test file has ${filters.join(" or ")} in its path; there are ${all.length} files in test/ and examples/`);

  const server = await setUp();
  console.log(
    `respool: ${files.length} of ${all.length} test files, ${server.kind} ${server.version} (${server.path}), Node ${process.version}`,
  );
  process.exitCode = await runNode(
    [
      "--import",
      "tsx",
      "--test",
      `--test-concurrency=${CONCURRENCY}`,
      `--test-timeout=${FILE_TIMEOUT}`,
      "--test-reporter=spec",
      ...options,
      ...files,
    ],
    { timeout: TOTAL_TIMEOUT },
  );
});

function fromRoot(filter) {
  return (isAbsolute(filter) ? relative(ROOT, filter) : filter).replace(/^\.\//, "");
}
