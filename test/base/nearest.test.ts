import assert from "node:assert/strict";
import { test } from "node:test";
import { nearestName } from "../../src/base/nearest.ts";

const known = ["maxConnections", "minConnections", "maxLanes", "host", "port", "path", "tls"];

const cases: [string, string | null][] = [
  ["maxConections", "maxConnections"],
  ["maxconnections", "maxConnections"],
  ["maxConnectoins", "maxConnections"],
  ["minConnection", "minConnections"],
  ["hots", "host"],
  ["maxCon", "maxConnections"],
  ["prot", "port"],
  ["", null],
  ["x", null],
  ["timeout", null],
];

for (const [typed, meant] of cases) {
  test(`"${typed}" is taken for ${meant ?? "nothing known"}`, () => {
    assert.equal(nearestName(typed, known), meant);
  });
}
