// What an example of the documentation imports as "respool" while it is run: the same, but where the example says
// localhost:6379, or nothing, the test's own server is meant.
import { ConnectionPool as AnyPool, Redis as AnyRedis, type RedisOptions, type SharedPoolOptions } from "respool";

export * from "respool";

type Address = string | URL | RedisOptions | undefined;

const open: { destroy(): void }[] = [];

/** Ends every client and pool that an example has left open. */
export function endAll(): void {
  for (const client of open.splice(0)) client.destroy();
}

const port = Number(process.env["DOCS_SERVER_PORT"]);

function redirect(input: Address): Address {
  if (input === undefined) return { port };
  if (typeof input === "string") return input.replace(/localhost(:6379)?(?![\w.:])/, `127.0.0.1:${port}`);
  if (input instanceof URL) return input;
  const isDefault = input.path === undefined && (input.port === undefined || input.port === 6379);
  return isDefault && (input.host === undefined || input.host === "localhost") ? { ...input, port } : input;
}

export class Redis extends AnyRedis {
  constructor(input?: Address | SharedPoolOptions, extra?: RedisOptions) {
    if (typeof input === "object" && "pool" in input) super(input, extra);
    else super(redirect(input), extra);
    open.push(this);
  }
}

export class ConnectionPool extends AnyPool {
  constructor(input?: Address, extra?: RedisOptions) {
    super(redirect(input), extra);
    open.push(this);
  }
}
