/**
 * npm run soak: a mixed load on a real server, with a random fault every few seconds.
 *
 *   npm run soak -- --seconds 60
 *   npm run soak -- --seconds 60 --seed 7 --connections 50
 *   npm run soak -- --overload --seconds 30
 *
 * docs/reliability.md says what is done, and what is held against what.
 */
import { parseArgs } from "node:util";
import { fail, main, runNode, setUp } from "./setup.mjs";

const USAGE = `npm run soak -- [--seconds N] [--seed S] [--connections N] [--every S] [--measure S] [--json]
npm run soak -- --overload [--seconds N] [--json]

  --seconds N      how long the load is held (default 60)
  --seed S         decides the faults and the operations (default: by chance; it is in the report)
  --connections N  maxConnections of the client (default 20, from 4)
  --every S        mean time from one fault to the next, s (default 3)
  --measure S      how long the capacity is measured, s (default 3); 80 % of it is offered
  --overload       ten times the capacity of a slow server instead, without faults
  --json           the report as JSON

Ends with 1 when a promise was broken, and says which.`;

function number(name, text, { min, max, whole = true }) {
  const value = Number(text);
  if (text === "" || !(value >= min && value <= max) || (whole && !Number.isInteger(value)))
    fail(`--${name} must be a ${whole ? "whole " : ""}number from ${min} to ${max}, got ${text}`);
  return value;
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        seconds: { type: "string", default: "60" },
        seed: { type: "string", default: String(1 + Math.floor(Math.random() * 999_999)) },
        connections: { type: "string", default: "20" },
        every: { type: "string", default: "3" },
        measure: { type: "string", default: "3" },
        overload: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    return fail(`${error.message}\n\n${USAGE}`);
  }
}

await main(async () => {
  const values = readOptions();
  if (values.help) return console.log(USAGE);
  const options = {
    seconds: number("seconds", values.seconds, { min: 1, max: 10_000_000 }),
    seed: number("seed", values.seed, { min: 1, max: 2 ** 32 - 1 }),
    connections: number("connections", values.connections, { min: 4, max: 1000 }),
    every: number("every", values.every, { min: 0.1, max: 3600, whole: false }),
    measure: number("measure", values.measure, { min: 0.5, max: 600, whole: false }),
    share: 0.8,
    overload: values.overload,
    json: values.json,
    corrupts: false,
  };
  await setUp();
  // Room for the young: what a second without a server leaves behind would be copied again and again.
  const flags = ["--max-semi-space-size=64", "--import", "tsx"];
  process.exitCode = await runNode([...flags, "test/soak/main.ts", JSON.stringify(options)]);
});
