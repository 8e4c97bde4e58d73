/** What the server is filled with before a run, and what every client must therefore answer. */

const SMALL_KEYS = 10_000;

function text(name, size) {
  return `${name}-`.padEnd(size, "abcdefghij");
}

function numbered(prefix, count, size) {
  return Array.from({ length: count }, (_, index) => ({
    key: `bench:${prefix}:${index}`,
    value: text(`value-of-${prefix}-${index}`, size),
  }));
}

/** Strings by size: each names its key, so that a reply to another caller shows. */
export const small = numbered("small", SMALL_KEYS, 64);
export const medium = numbered("medium", 64, 16 * 1024);
export const large = numbered("large", 8, 1024 * 1024);

export const hash = {
  key: "bench:hash",
  fields: Array.from({ length: 50 }, (_, index) => [`field-${index}`, text(`value-${index}`, 32)]),
};

export const list = {
  key: "bench:list",
  elements: Array.from({ length: 1000 }, (_, index) => text(`element-${index}`, 32)),
};

export const sortedSet = {
  key: "bench:zset",
  members: Array.from({ length: 500 }, (_, index) => [text(`member-${index}`, 16), index + 0.5]),
};

export const counter = "bench:counter";

/** Writes all of it. @param call sends one command: `call(name, ...args)` */
export async function fill(call) {
  const strings = [...small, ...medium, ...large].map(({ key, value }) => call("SET", key, value));
  await Promise.all([...strings, call("DEL", hash.key, list.key, sortedSet.key, counter)]);
  await Promise.all([
    call("HSET", hash.key, ...hash.fields.flat()),
    call("RPUSH", list.key, ...list.elements),
    call("ZADD", sortedSet.key, ...sortedSet.members.map(([member, score]) => [score, member]).flat()),
  ]);
}

/** Keys drawn so that few of them get most of the requests (Zipf, exponent 1); the same sequence in every process. */
export function zipfSequence(length) {
  const weights = Float64Array.from(small, (_, index) => 1 / (index + 1));
  for (let index = 1; index < weights.length; index++) weights[index] += weights[index - 1];
  const total = weights.at(-1);
  let seed = 42;
  return Uint32Array.from({ length }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const drawn = (seed / 2 ** 32) * total;
    let low = 0;
    let high = weights.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (weights[middle] < drawn) low = middle + 1;
      else high = middle;
    }
    return low;
  });
}
