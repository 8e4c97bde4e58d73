/**
 * One step of a closed loop: `call(client, index)` sends a command, and `check(reply, index, client)` compares what came.
 * `commands` is how many commands one step is, `size` the bytes of a large value. Steps that may wait for nothing give the event
 * loop a turn after `stepsPerTurn` of them.
 *
 * Single values are all compared, those of a pipeline too. Collections are compared whole once in SAMPLE steps, else by
 * their size (a hash by its last field), so that the comparison is not what is measured. A count may be any, until the end.
 */
import { counter, hash, large, list, medium, small, sortedSet, zipfSequence } from "../dataset.mjs";
import { user } from "../caches/payloads.mjs";
import { expectList, expectSame } from "./expect.mjs";

const SAMPLE = 16;

const getOf = (values) => ({
  call: (client, index) => client.get(values[index % values.length].key),
  check(reply, index) {
    const { key, value } = values[index % values.length];
    if (reply !== value) expectSame(reply, value, key);
  },
});

const setOf = (values) => ({
  call(client, index) {
    const { key, value } = values[index % values.length];
    return client.set(key, value);
  },
  check(reply) {
    if (reply !== "OK") expectSame(reply, "OK", "SET");
  },
});

const keysAt = (index, count) => {
  const from = index % (small.length - count);
  return small.slice(from, from + count);
};

const get64 = getOf(small);
const set64 = setOf(small);
const buffers = small.map(({ key, value }) => ({ key, value: Buffer.from(value) }));

/** Not a count of an object's fields: that would cost a good part of what is measured. */
function expectLastField(reply) {
  if (Array.isArray(reply)) return expectSame(reply.length, hash.fields.length, "HGETALL: length");
  const [name, value] = hash.fields.at(-1);
  return expectSame(reply[name], value, `HGETALL: ${name}`);
}

/** Members and scores come in pairs, or in turn in one flat list. */
const countMembers = (reply) => (typeof reply[0] === "string" ? reply.length / 2 : reply.length);

/** Entries of the caches. */
const CACHED = 1000;
const users = Array.from({ length: CACHED }, (_, id) => user(id));
const noLoad = () => {
  throw new Error("getOrSet: the loader was called for a value that is cached");
};

let zipf = null;
const drawn = (index) => (zipf ??= zipfSequence(1 << 16))[index & 0xffff];

export const steps = {
  "get-64b": { title: "GET 64 B", ...get64 },
  "set-64b": { title: "SET 64 B", ...set64 },
  "get-16kb": { title: "GET 16 KB", size: 16 * 1024, ...getOf(medium) },
  "set-16kb": { title: "SET 16 KB", size: 16 * 1024, ...setOf(medium) },
  "get-1mb": { title: "GET 1 MB", size: 1024 * 1024, ...getOf(large) },
  "set-1mb": { title: "SET 1 MB", size: 1024 * 1024, ...setOf(large) },
  "get-buffer": {
    title: "GET 64 B as Buffer",
    needs: "getBuffer",
    call: (client, index) => client.getBuffer(buffers[index % buffers.length].key),
    check(reply, index) {
      const { key, value } = buffers[index % buffers.length];
      if (Buffer.compare(reply, value) !== 0) throw new Error(`${key}: other bytes than expected`);
    },
  },
  mget: {
    title: "MGET of 100",
    needs: "mget",
    call: (client, index) => client.mget(keysAt(index, 100).map(({ key }) => key)),
    check(reply, index) {
      if (index % SAMPLE !== 0) return expectSame(reply.length, 100, "MGET: length");
      const expected = keysAt(index, 100).map(({ value }) => value);
      return expectList(reply, expected, "MGET");
    },
  },
  hgetall: {
    title: "HGETALL of 50 fields",
    needs: "hgetall",
    call: (client) => client.hgetall(hash.key),
    check(reply, index, client) {
      if (index % SAMPLE === 0) expectList(client.fields(reply), hash.fields, "HGETALL");
      else expectLastField(reply);
    },
  },
  lrange: {
    title: "LRANGE of 1,000",
    needs: "lrange",
    call: (client) => client.lrange(list.key),
    check(reply, index) {
      if (index % SAMPLE === 0) expectList(reply, list.elements, "LRANGE");
      else expectSame(reply.length, list.elements.length, "LRANGE: length");
    },
  },
  zrange: {
    title: "ZRANGE WITHSCORES of 500",
    needs: "zrange",
    call: (client) => client.zrange(sortedSet.key),
    check(reply, index, client) {
      if (index % SAMPLE === 0) expectList(client.members(reply), sortedSet.members, "ZRANGE");
      else expectSame(countMembers(reply), sortedSet.members.length, "ZRANGE: members");
    },
  },
  pipeline: {
    title: "pipeline of 1,000 GETs",
    needs: "pipeline",
    commands: 1000,
    call: (client, index) => client.pipeline(keysAt(index * 1000, 1000).map(({ key }) => key)),
    check(reply, index) {
      const expected = keysAt(index * 1000, 1000).map(({ value }) => value);
      expectList(reply, expected, "pipeline");
    },
  },
  incr: {
    title: "INCR",
    needs: "incr",
    begin: (client) => client.set(counter, "0"),
    call: (client) => client.incr(counter),
    check(reply) {
      const count = Number(reply);
      if (!(count > 0 && Number.isInteger(count))) throw new Error(`INCR: expected a count, got ${count}`);
    },
    /** Increments that got lost or ran twice show. */
    async end(client, performed) {
      expectSame(await client.get(counter), String(performed), counter);
    },
  },
  zipf: {
    title: "80 % GET, 20 % SET, keys by Zipf",
    call: (client, index) => (index % 5 === 0 ? set64 : get64).call(client, drawn(index)),
    check: (reply, index) => (index % 5 === 0 ? set64 : get64).check(reply, drawn(index)),
  },
  "cache-hit": {
    title: "getOrSet of a cached object of 300 B",
    stepsPerTurn: 1024,
    async begin(cache) {
      for (const { id } of users) await cache.getOrSet(id, () => users[id]);
      await settled(cache);
    },
    call: (cache, index) => cache.getOrSet(index % CACHED, noLoad),
    check(found, index) {
      const { email } = users[index % CACHED];
      if (found.email !== email) expectSame(found.email, email, "getOrSet");
    },
  },
};

/** Writes may go on in the background: waits until none of the values is made again, 5 s at most. */
async function settled(cache) {
  for (let tries = 0; tries < 100; tries++) {
    let loads = 0;
    for (const { id } of users) {
      await cache.getOrSet(id, () => {
        loads++;
        return users[id];
      });
    }
    if (loads === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("getOrSet: values are made again and again, although they are cached");
}
