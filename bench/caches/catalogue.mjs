/**
 * The caches that are measured against each other, and the codecs and compressions of the project's; see clients/catalogue.mjs.
 * `variant` of a form: its codec and its compression.
 */

const CODECS = {
  json: "json",
  msgpack: "msgpack",
  "msgpack-records": "msgpack, records",
  protobuf: "protobuf",
  v8: "v8",
};
const COMPRESSIONS = ["none", "gzip", "brotli", "zstd", "lz4", "snappy"];

function form(codec, compression) {
  const title = `${CODECS[codec]}${compression === "none" ? "" : ` + ${compression}`}`;
  return [
    `${codec}-${compression}`,
    {
      quick: true,
      title,
      file: "caches/forms.mjs",
      role: "form",
      suite: "caches",
      variant: { codec, compression },
      settings: codec.startsWith("msgpack") ? "msgpackr without its native part" : "",
    },
  ];
}

export const caches = {
  "respool-cache": {
    quick: true,
    title: "respool/cache",
    file: "caches/respool.mjs",
    role: "respool-cache",
    suite: "caches",
    package: "respool",
    settings: "as shipped: limits, circuit breaker, early refresh and stats on; the first level with `memory: true`",
  },
  bentocache: {
    quick: true,
    title: "bentocache",
    file: "caches/bentocache.mjs",
    role: "cache",
    suite: "caches",
    package: "bentocache",
    folder: "caches",
    settings:
      "redisDriver on ioredis 5 with enableAutoPipelining; first level memoryDriver, 10,000 entries (with serialize false, 1.6.1 cannot read back what it has stored); as shipped else",
  },
  "cache-manager": {
    quick: true,
    title: "cache-manager, @keyv/redis",
    file: "caches/cache-manager.mjs",
    role: "cache",
    suite: "caches",
    package: "cache-manager",
    folder: "caches",
    settings:
      "createKeyv of @keyv/redis; first level createKeyv of @cacheable/memory, useClone false, 10,000 entries; wrap",
  },
  ...Object.fromEntries(
    Object.keys(CODECS).flatMap((codec) => COMPRESSIONS.map((compression) => form(codec, compression))),
  ),
};
