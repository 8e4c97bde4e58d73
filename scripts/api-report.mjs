/**
 * Compares the public API in dist/ with the reports in etc/. With --local the reports are written anew.
 * Run `npm run build` first.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Extractor, ExtractorConfig } from "@microsoft/api-extractor";
import { ROOT } from "./setup.mjs";

const local = process.argv.includes("--local");
const packageJson = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

/** The report of an entry of the package's exports: "respool" for ".", "respool-testing" for "./testing". */
function report(subpath, types) {
  const name = packageJson.name + subpath.slice(1).replaceAll("/", "-");
  const silent = { default: { logLevel: "none" } };
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: join(ROOT, types),
      compiler: { tsconfigFilePath: join(ROOT, "tsconfig.build.json") },
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: join(ROOT, "etc"),
        reportTempFolder: join(ROOT, "temp"),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: "error" } },
        // A type that is used but not exported is a change of the API too, so it stands in the report.
        extractorMessageReporting: {
          ...silent,
          "ae-forgotten-export": { logLevel: "warning", addToApiReportFile: true },
        },
        tsdocMessageReporting: silent,
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(ROOT, "package.json"),
  });
  const result = Extractor.invoke(config, {
    localBuild: local,
    messageCallback: (message) => (message.handled = true),
  });
  return { name, changed: result.apiReportChanged, errors: result.errorCount };
}

mkdirSync(join(ROOT, "etc"), { recursive: true });
let failed = false;
for (const [subpath, target] of Object.entries(packageJson.exports)) {
  if (target.types === undefined) continue;
  const { name, changed, errors } = report(subpath, target.types);
  if (changed && local) console.log(`etc/${name}.api.md is updated`);
  if (changed && !local) {
    console.error(
      `the public API differs from etc/${name}.api.md: see temp/${name}.api.md; npm run api:update accepts it`,
    );
  }
  if (errors > 0) console.error(`${name}: the declarations have ${errors} errors`);
  failed ||= errors > 0 || (changed && !local);
}
process.exitCode = failed ? 1 : 0;
