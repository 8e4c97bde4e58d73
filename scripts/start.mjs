// npm start: sets up what is missing and runs the demonstration; REDIS_URL makes it use that server.
import { main, runNode, setUp } from "./setup.mjs";

await main(async () => {
  await setUp({ server: !process.env.REDIS_URL });
  process.exitCode = await runNode(["--import", "tsx", "scripts/demo/main.ts", ...process.argv.slice(2)]);
});
