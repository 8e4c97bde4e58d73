import { Redis } from "respool";
import type { Stage } from "./stage.ts";

/** The main job: a value is written and read back. */
export async function showGreeting(stage: Stage): Promise<string | null> {
  const { screen, server } = stage;
  screen.heading(`A greeting${server === undefined ? "" : ", over a unix socket"}`);
  const key = stage.key("greeting");
  const redis = stage.own(new Redis(stage.greetingOptions));
  const written = await redis.set(key, "hello", stage.expiry);
  const greeting = await redis.get(key);
  await redis.close();
  screen.line(`set ${key} hello   → ${written}`);
  screen.line(`get ${key}         → ${greeting}`);
  if (greeting !== "hello") throw new Error(`"hello" was written, and "${greeting}" read back`);
  return greeting;
}
