/** A cache of the project with one codec and one compression, for what they cost. */
import protobufjs from "protobufjs";
import { Cache, json, msgpack, protobuf, v8 } from "../../dist/cache/index.js";
import { Redis } from "../../dist/index.js";
import { payloads, schema } from "./payloads.mjs";

// msgpackr's native part is a package with an install script, which is not installed here: msgpackr is to know that before it is loaded,
// for otherwise it tries in vain at each value.
process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED = "true";

const codecs = {
  json: () => json(),
  msgpack: () => msgpack(),
  "msgpack-records": () => msgpack({ records: true }),
  protobuf: (type) => protobuf(protobufjs.parse(schema, { keepCase: true }).root.lookupType(type)),
  v8: () => v8(),
};

export async function connect({ host, port }, { variant: { codec, compression }, payload }) {
  const redis = new Redis({ host, port });
  await redis.ready();
  const namespace = `bench-${codec}-${compression}`;
  const cache = new Cache(redis, {
    namespace,
    ttl: 3600,
    codec: codecs[codec](payloads[payload].type),
    compress: compression === "none" ? false : { above: 0, with: compression },
    // What is measured is the work, not whether it is in time on a busy machine.
    readTimeout: 10_000,
    writeTimeout: 10_000,
  });
  return {
    get: (id) => cache.get(id),
    set: (id, value) => cache.set(id, value),
    storedBytes: (id) => redis.strlen(`${namespace}:${id}`),
    async close() {
      await cache.close();
      redis.destroy();
    },
  };
}
