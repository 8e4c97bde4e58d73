import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { Redis, type RedisOptions, ServerError } from "respool";
import { startServer, type TestServer } from "respool/testing";
import type { Screen } from "./screen.ts";

/** How long things are measured, ms. */
export interface Pace {
  readonly warmUp: number;
  readonly duration: number;
}

/** What can be ended at once. */
interface Destroyable {
  destroy(): void;
}

/** s; longer than everything takes. */
const EXPIRY = 600;

/** What every part of the demonstration works with: the server, names of keys, the screen. */
export class Stage {
  readonly screen: Screen;
  readonly pace: Pace;
  /** Our own server; undefined where `REDIS_URL` names another. */
  readonly server: TestServer | undefined;
  /** The server's address. */
  readonly url: string;
  /** Asks the server about itself, on a connection of its own. */
  readonly observer: Redis;
  readonly #prefix: string;
  readonly #keys = new Set<string>();
  readonly #clients = new Set<Destroyable>();

  private constructor(screen: Screen, pace: Pace, url: string, server: TestServer | undefined) {
    this.screen = screen;
    this.pace = pace;
    this.server = server;
    this.url = url;
    this.#prefix = server === undefined ? `respool:demo:${randomBytes(4).toString("hex")}:` : "";
    this.observer = this.own(new Redis(url, { maxConnections: 1 }));
  }

  /** Starts a server, or uses the one whose URL is given. */
  static async open(screen: Screen, pace: Pace, url: string | undefined): Promise<Stage> {
    if (url !== undefined) return new Stage(screen, pace, url, undefined);
    // Saved when it is ended in an orderly way, as a server that matters is: so that a restart can be shown to lose nothing.
    const server = await startServer({ config: { save: "3600 1" } });
    return new Stage(screen, pace, server.url, server);
  }

  /** Where the greeting goes: through our own server's unix socket. */
  get greetingOptions(): RedisOptions | string {
    return this.server === undefined ? this.url : { path: this.server.path };
  }

  /** Options of SET for a key: on a server that is not ours it expires, should this process be killed before it removes it. */
  get expiry(): { readonly ex?: number } {
    return this.server === undefined ? { ex: EXPIRY } : {};
  }

  /** Has a client or pool ended with the stage, however it ends. */
  own<T extends Destroyable>(client: T): T {
    this.#clients.add(client);
    return client;
  }

  /** The key's name on this server; it is removed at the end. */
  key(name: string): string {
    const key = this.#prefix + name;
    this.#keys.add(key);
    return key;
  }

  /** Sets a key for the time of the demonstration. */
  async put(name: string, value: string): Promise<string> {
    const key = this.key(name);
    await this.observer.set(key, value, this.expiry);
    return key;
  }

  /** A number out of INFO; null where the user may not read it. */
  async info(section: string, field: string): Promise<number | null> {
    try {
      const value = new RegExp(`^${field}:(\\d+)`, "m").exec(await this.observer.info(section))?.[1];
      return value === undefined ? null : Number(value);
    } catch (error) {
      if (error instanceof ServerError && error.code === "NOPERM") return null;
      throw error;
    }
  }

  /** What it runs on, in words. */
  async machine(): Promise<string> {
    const info = await this.observer.info("server").catch(() => "");
    const [, valkey] = /^valkey_version:(\S+)/m.exec(info) ?? [];
    const [, redis] = /^redis_version:(\S+)/m.exec(info) ?? [];
    const server = valkey === undefined ? `Redis ${redis ?? "of unknown version"}` : `Valkey ${valkey}`;
    return `Node ${process.versions.node}, ${server}, ${availableParallelism()} cores, ${process.platform} ${process.arch}`;
  }

  /** Ends every client, removes the keys, stops our own server. */
  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    if (this.server !== undefined) return this.server.stop();
    await using redis = new Redis(this.url, { maxConnections: 1, commandTimeout: 2000 });
    if (this.#keys.size > 0) await redis.del([...this.#keys]);
  }
}
