import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  CommandTimeoutError,
  ConnectionLostError,
  ConnectionPool,
  PoolTimeoutError,
  Redis,
  type RedisOptions,
} from "../../src/index.ts";
import { startFaultProxy, type Fault, type FaultProxy, type TestServer } from "../../src/testing/index.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { until } from "../support/wait.ts";
import { Oracle } from "./oracle.ts";

export interface SceneOptions {
  /** Over the defaults below. */
  readonly client?: RedisOptions;
  /** Without the proxy. */
  readonly direct?: boolean;
}

/** Short limits, so that each fault outlasts them and the tests stay short. */
export const LIMITS = {
  maxConnections: 6,
  maxLanes: 1,
  connectTimeout: 600,
  socketTimeout: 300,
  commandTimeout: 450,
  acquireTimeout: 400,
  reconnect: { minDelay: 5, maxDelay: 100 },
} as const;

/** Limits that nothing should reach: for faults in which no connection may be lost. */
export const PATIENT = { socketTimeout: 4000, commandTimeout: 6000, acquireTimeout: 6000 } as const;

/** ms */
const SET_UP_LIMIT = 20_000;

const RESOURCES = /^(TCPSocketWrap|TCPServerWrap|TCPConnectWrap|TLSWrap|Timeout|GetAddrInfoReqWrap)$/;

function openResources(): number {
  return process.getActiveResourcesInfo().filter((name) => RESOURCES.test(name)).length;
}

let scenes = 0;

function isLate(error: unknown): boolean {
  return (
    error instanceof CommandTimeoutError || error instanceof ConnectionLostError || error instanceof PoolTimeoutError
  );
}

/** A server, a proxy in front of it, and a client whose every operation the oracle sees. */
export class Scene {
  readonly server: TestServer;
  readonly proxy: FaultProxy;
  readonly pool: ConnectionPool;
  readonly redis: Redis;
  readonly oracle: Oracle;
  /** ms */
  readonly commandTimeout: number;
  readonly acquireTimeout: number;
  /** How long after a fault's end the first success may come, ms. */
  readonly recoveryBound: number;
  /** How often attempts to connect failed, by code. */
  readonly connectFailures: Map<string, number> = new Map();
  /** How often commands were sent again, by code. */
  readonly retries: Map<string, number> = new Map();
  /** Faults of the proxy whose hits are counted. */
  readonly injected: Fault[] = [];
  /** How often another kind of fault was there: counted by the test. */
  struck = 0;
  readonly #resourcesBefore: number;

  static async open(server: TestServer, options: SceneOptions = {}): Promise<Scene> {
    const before = openResources();
    const proxy = await startFaultProxy(server);
    const scene = new Scene(server, proxy, options, before);
    try {
      using raw = await scene.raw();
      await scene.oracle.prepare(raw);
      await scene.warmUp();
      return scene;
    } catch (error) {
      await scene.dispose();
      throw error;
    }
  }

  private constructor(server: TestServer, proxy: FaultProxy, options: SceneOptions, before: number) {
    this.server = server;
    this.proxy = proxy;
    this.#resourcesBefore = before;
    const { host, port } = options.direct === true ? server : proxy;
    const login = server.password === undefined ? {} : { password: server.password };
    const tls = server.tls === undefined ? {} : { tls: server.tls };
    const settings = { ...LIMITS, host, port, ...login, ...tls, ...options.client };
    this.pool = new ConnectionPool(settings);
    this.redis = new Redis({ pool: this.pool });
    this.commandTimeout = settings.commandTimeout ?? 0;
    this.acquireTimeout = settings.acquireTimeout ?? 0;
    this.recoveryBound = (settings.reconnect?.maxDelay ?? 0) + (settings.connectTimeout ?? 0);
    this.oracle = new Oracle(`fault:${process.pid}:${++scenes}`, this.pool);
    subscribe("respool:connection:failed", this.#onFailed);
    subscribe("respool:command:retried", this.#onRetried);
  }

  /** A look at the server from outside, not through the proxy. */
  raw(): Promise<RawClient> {
    const { tls, path, host, port, password } = this.server;
    return connectRaw(tls === undefined ? { path, password } : { host, port, password, tls });
  }

  /** A shared connection and two to lend. A busy machine may take longer than the scene's short limits, which are for the faults. */
  async warmUp(): Promise<void> {
    const deadline = performance.now() + SET_UP_LIMIT;
    for (;;) {
      try {
        assert.equal(await this.redis.ping(), "PONG");
        await this.lend(2);
        return;
      } catch (error) {
        if (!isLate(error) || performance.now() > deadline) throw error;
      }
    }
  }

  /** Takes so many leases at once, which are as many connections. */
  async lend(count: number): Promise<void> {
    const leases = await Promise.all(Array.from({ length: count }, () => this.pool.lease({ timeout: 4000 })));
    try {
      const ids = await Promise.all(leases.map((lease) => lease.client.id()));
      assert.equal(new Set(ids).size, count, "a connection was lent twice");
    } finally {
      for (const lease of leases) lease.release();
    }
  }

  /** Someone borrows a connection and uses it for this and that. */
  async borrow(): Promise<void> {
    const { oracle, commandTimeout } = this;
    const { value: lease } = await oracle.perform("lease", this.acquireTimeout, () => this.pool.lease());
    if (lease === undefined) return;
    try {
      await oracle.read(lease, commandTimeout);
      await Promise.all([oracle.increment(lease, commandTimeout), oracle.read(lease, commandTimeout)]);
      await oracle.batch(lease, commandTimeout, "multi");
    } finally {
      lease.release();
    }
  }

  /** One of each kind of operation, begun now. */
  nudge(): void {
    const { oracle, redis, commandTimeout } = this;
    void oracle.read(redis, commandTimeout);
    void oracle.increment(redis, commandTimeout);
    void oracle.batch(redis, commandTimeout, "pipeline", 3);
    void oracle.batch(redis, commandTimeout, "multi", 2);
    void this.borrow();
  }

  /** The server sees the connections that the pool counts, once nothing happens any more. */
  async agreesWithServer(): Promise<void> {
    using raw = await this.raw();
    let seen = -1;
    await until(
      async () => {
        seen = (await raw.clients()).length;
        const { total, connecting } = this.pool.stats();
        return seen === total && connecting === 0;
      },
      { timeout: 2000, what: "CLIENT LIST and the pool agree" },
    ).catch(() => this.oracle.problem(`the server sees ${seen} connections, the pool ${this.pool.stats().total}`));
  }

  /** Closes everything; nothing must be left. */
  async close(): Promise<void> {
    await this.redis.close();
    await this.pool.close({ timeout: 1000 });
    await this.proxy.heal();
    await until(() => this.proxy.connections === 0, { what: "no connection is left at the proxy" });
    await this.dispose();
    await until(() => openResources() <= this.#resourcesBefore, {
      what: `nothing is left open but ${this.#resourcesBefore} of before: ${process.getActiveResourcesInfo().join()}`,
    });
  }

  /** Ends what a failed test has left. */
  async dispose(): Promise<void> {
    unsubscribe("respool:connection:failed", this.#onFailed);
    unsubscribe("respool:command:retried", this.#onRetried);
    this.oracle[Symbol.dispose]();
    this.pool.destroy();
    await this.proxy.close();
  }

  readonly #onFailed = (message: unknown): void => count(this.connectFailures, message);
  readonly #onRetried = (message: unknown): void => count(this.retries, message);
}

function count(counts: Map<string, number>, message: unknown): void {
  const { code } = message as { code: string };
  counts.set(code, (counts.get(code) ?? 0) + 1);
}
