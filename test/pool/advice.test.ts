import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { adviseSize, type LoadSample } from "../../src/pool/advice.ts";

const quiet: LoadSample = {
  peakCommandsPerSecond: 0,
  peakLeasesPerSecond: 0,
  meanLeaseTime: 0,
  meanLeased: 0,
  mostLeased: 0,
  lanes: 1,
  subscribers: 0,
  maxConnections: 50,
  maxClients: null,
  connectedClients: null,
};

test("shared commands alone need one connection, however many they are", () => {
  const advice = adviseSize({ ...quiet, peakCommandsPerSecond: 80_000 });
  assert.equal(advice.maxConnections, 1);
  assert.equal(advice.ruleOfThumb, 90, "requests per second / 1000 + 10");
  assert.match(advice.reason, /maxConnections of 50 is enough/);
});

test("the advice covers the most leases that were needed at once, with some to spare", () => {
  const advice = adviseSize({ ...quiet, mostLeased: 10, meanLeased: 4, subscribers: 1 });
  assert.equal(advice.maxConnections, 1 + 1 + 10 + 2);
});

test("where every connection was out the need is not known, and the advice goes beyond it", () => {
  const leases = { ...quiet, maxConnections: 10, mostLeased: 9, meanLeased: 9 };
  assert.ok(adviseSize(leases).maxConnections >= 1 + 14, "a lane and nine leases are all of ten");
  assert.match(adviseSize(leases).reason, /^raise maxConnections from 10/);
  const free = adviseSize({ ...leases, lanes: 0 });
  assert.equal(free.maxConnections, 1 + 9 + 2, "nine of ten: one was always free");
});

test("the advice never takes more than its share of the server's maxclients, says so, and is at least one", () => {
  const busy = fc.record({
    peakCommandsPerSecond: fc.float({ min: 0, max: 1e6, noNaN: true }),
    peakLeasesPerSecond: fc.float({ min: 0, max: 1e5, noNaN: true }),
    meanLeaseTime: fc.float({ min: 0, max: 1e4, noNaN: true }),
    meanLeased: fc.float({ min: 0, max: 1000, noNaN: true }),
    mostLeased: fc.nat(1000),
    lanes: fc.nat(8),
    subscribers: fc.nat(4),
    maxConnections: fc.integer({ min: 1, max: 1000 }),
    maxClients: fc.option(fc.integer({ min: 1, max: 10_000 }), { nil: null }),
    connectedClients: fc.constant(null),
  });
  fc.assert(
    fc.property(busy, (load) => {
      const advice = adviseSize(load);
      assert.ok(Number.isInteger(advice.maxConnections) && advice.maxConnections >= 1);
      if (load.maxClients === null) return;
      assert.ok(advice.maxConnections <= Math.max(1, load.maxClients * 0.8));
      const wanted = adviseSize({ ...load, maxClients: null }).maxConnections;
      assert.equal(/bounded by the server's maxclients/.test(advice.reason), wanted > advice.maxConnections);
    }),
  );
});
