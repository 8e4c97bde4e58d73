import assert from "node:assert/strict";
import { test } from "node:test";
import { startCluster } from "respool/testing";
import { RunningExample } from "../../test/support/example.ts";

test("the example counts on a cluster of three primaries", async () => {
  await using cluster = await startCluster({ primaries: 3, replicas: 0 });
  const nodes = cluster.nodes.map((node) => `${node.host}:${node.port}`).join();
  await using example = new RunningExample("examples/cluster/tally.ts", { NODES: nodes });
  await example.endsWell();
  assert.deepEqual(example.lines, ["home: 57", "news: 15", "about: 14", "contact: 14", "all visits: 100, on 3 nodes"]);
});
