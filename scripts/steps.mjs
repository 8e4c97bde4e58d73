/** What `npm run check` runs. `needs` names the steps that come before. */

const bin = (name, ...args) => [`node_modules/.bin/${name}`, ...args];
const node = (script, ...args) => [process.execPath, `scripts/${script}`, ...args];

/** @type {Record<string, { command: string[], needs?: string[] }>} */
export const steps = {
  lint: { command: bin("oxlint", "--deny-warnings") },
  layers: { command: bin("depcruise", "src", "--config", ".dependency-cruiser.cjs") },
  format: { command: bin("oxfmt", "--check") },
  types: { command: bin("tsc", "-p", "tsconfig.json", "--noEmit") },
  generated: { command: bin("tsx", "scripts/generate-commands.ts", "--check") },
  build: { command: node("build.mjs") },
  pack: { command: node("pack.mjs"), needs: ["build"] },
  api: { command: node("api-report.mjs"), needs: ["build"] },
  publint: { command: bin("publint", "temp/package.tgz", "--strict"), needs: ["pack"] },
  attw: { command: bin("attw", "temp/package.tgz", "--profile", "esm-only"), needs: ["pack"] },
  knip: { command: bin("knip") },
  cost: { command: node("type-benchmark.mjs") },
};

/** What `npm run fix` runs, in order. */
export const fixes = [
  bin("tsx", "scripts/generate-commands.ts"),
  bin("oxlint", "--fix"),
  bin("oxfmt"),
  node("build.mjs"),
  node("api-report.mjs", "--local"),
];
