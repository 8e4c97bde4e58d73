import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../support/wait.ts";
import { connectRaw } from "../support/raw-client.ts";
import { sharedServer } from "../support/server.ts";
import { play, SITUATIONS } from "./play.ts";
import { PATIENT, Scene } from "./scene.ts";

const server = sharedServer();

async function assertNothingLeft(): Promise<void> {
  using raw = await connectRaw(server());
  await until(async () => (await raw.clients()).length === 0, { what: "no connection is left on the server" });
}

for (const situation of SITUATIONS) {
  test(`a fault test that fails in the midst of it leaves nothing behind, ${situation}`, async () => {
    let ended = 0;
    const row = {
      row: 0,
      name: "none",
      what: "its injection fails",
      client: PATIENT,
      strike: () => assert.fail("no injection"),
      end: () => void ended++,
      felt: () => undefined,
    };
    await assert.rejects(play(row, situation, server()), /no injection/);
    assert.equal(ended, 1);
    await assertNothingLeft();
  });
}

test("a scene that cannot be set up leaves nothing behind", async () => {
  await assert.rejects(Scene.open(server(), { client: { username: "nobody", password: "wrong" } }), {
    code: "ERR_CONNECT_AUTH",
  });
  await assertNothingLeft();
});

test("a scene's set-up outlasts its short limits: a machine may be busy", async () => {
  const scene = await Scene.open(server());
  try {
    using raw = await scene.raw();
    await raw.command("CLIENT", "PAUSE", 3 * scene.commandTimeout);
    await scene.warmUp();
  } finally {
    await scene.dispose();
  }
});
