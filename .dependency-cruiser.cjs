// The layers, as in CONTRIBUTING.md: a folder of src/ imports only from itself and from folders before it in this
// list. Type imports count. One line each, so that the tree and this file can be compared at a glance.
const layers = ["base", "protocol", "commands", "connection", "pool", "topology", "client"];

// Siblings on one line of the architecture: they never import each other.
const topologies = ["standalone", "replicated", "sentinel", "cluster"];

// Built on the public entry alone, as a user's program would be.
const satellites = ["cache", "otel", "cli", "testing", "integrations"];

/** Whatever else is in src/ stands above the layer called `name`. */
const above = (name) => {
  const below = layers.slice(0, layers.indexOf(name) + 1);
  return { from: { path: `^src/${name}/` }, to: { path: "^src/", pathNot: `^src/(${below.join("|")})/` } };
};

const forbidden = [
  ...layers.map((name) => ({
    name: `layer-${name}`,
    comment: `src/${name}/ imports from itself and from the layers below it only`,
    severity: "error",
    ...above(name),
  })),
  ...topologies.map((name) => ({
    name: `sibling-${name}`,
    comment: "the kinds of topology share what is directly in src/topology/, and never import each other",
    severity: "error",
    from: { path: `^src/topology/${name}/` },
    to: { path: `^src/topology/(${topologies.filter((other) => other !== name).join("|")})/` },
  })),
  {
    name: "topology-shared",
    comment: "what the kinds of topology share knows none of them",
    severity: "error",
    from: { path: "^src/topology/[^/]+\\.ts$" },
    to: { path: "^src/topology/[^/]+/" },
  },
  ...satellites.map((name) => ({
    name: `satellite-${name}`,
    comment: `src/${name}/ imports from itself and from the public entry src/index.ts only`,
    severity: "error",
    from: { path: `^src/${name}/` },
    to: { path: "^src/", pathNot: `^src/(index\\.ts$|${name}/)` },
  })),
  {
    name: "integration-alone",
    comment: "one integration never imports another",
    severity: "error",
    from: { path: "^src/integrations/([^/]+)/" },
    to: { path: "^src/integrations/", pathNot: "^src/integrations/$1/" },
  },
  {
    name: "entry-is-the-core",
    comment: "the public entry never pulls in what is built on it",
    severity: "error",
    from: { path: "^src/index\\.ts$" },
    to: { path: `^src/(${satellites.join("|")})/` },
  },
  {
    name: "known-folder",
    comment: "a new folder of src/ needs its place in this file and in the architecture",
    severity: "error",
    from: { path: "^src/", pathNot: `^src/(index\\.ts$|(${[...layers, ...satellites].join("|")})/)` },
    to: {},
  },
  {
    name: "no-cycle",
    comment: "two files that import each other, types included, are one file",
    severity: "error",
    from: { path: "^src/" },
    to: { circular: true },
  },
  {
    name: "no-orphan",
    comment: "a file that nothing imports and that imports nothing is left over",
    severity: "error",
    from: { orphan: true, path: "^src/", pathNot: "^src/(index|testing/index)\\.ts$" },
    to: {},
  },
  {
    name: "no-dev-dependency",
    comment: "the package runs without its development tools",
    severity: "error",
    from: { path: "^src/" },
    to: {
      dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"],
      dependencyTypesNot: ["npm", "npm-peer", "npm-optional", "type-only"],
    },
  },
  {
    name: "resolvable",
    comment: "the imported file does not exist",
    severity: "error",
    from: {},
    to: { couldNotResolve: true },
  },
];

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden,
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "node", "default"] },
    builtInModules: { add: ["node:test", "node:sqlite", "node:sea"] },
  },
};
