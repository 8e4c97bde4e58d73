// Sets a key that expires after five minutes, and reads it back.
//
//   npx tsx examples/hello.ts                                   a server on localhost:6379
//   REDIS_URL=redis://host:6379 npx tsx examples/hello.ts       another one
import { Redis } from "respool";

await using redis = new Redis(process.env.REDIS_URL);
await redis.set("greeting", "hello", { ex: 300 });
console.log(await redis.get("greeting"));
