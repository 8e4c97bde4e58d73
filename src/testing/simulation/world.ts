import type { Clock, Dialler, Endpoint, Environment } from "../../index.ts";
import { SimulatedCluster, type SimulatedClusterOptions } from "./cluster/cluster.ts";
import { SimulatedNetwork } from "./network.ts";
import { Random } from "./random.ts";
import { SimulatedServer } from "./server.ts";
import { Timeline } from "./timeline.ts";

/**
 * Time, chance, a network and servers that exist in this process only, and that a seed repeats exactly: the option `environment`
 * of a client.
 *
 * ```ts
 * const world = new SimulatedWorld(1);
 * const server = world.startServer("cache:6379");
 * const redis = new Redis({ host: "cache", environment: world });
 * await world.run(async () => { … });   // hours pass in milliseconds
 * ```
 *
 * @see docs/testing.md
 */
export class SimulatedWorld implements Environment {
  readonly seed: number;
  readonly random: Random;
  readonly timeline: Timeline;
  readonly network: SimulatedNetwork;
  #programs = 0;

  /** @param seed a whole number: worlds of one seed behave alike */
  constructor(seed: number) {
    this.seed = seed;
    this.random = new Random(seed);
    this.timeline = new Timeline(this.random.fork("jitter"));
    this.network = new SimulatedNetwork(this.timeline, this.random.fork("network"));
  }

  get clock(): Clock {
    return this.timeline;
  }

  dialler(endpoint: Endpoint): Dialler {
    return this.network.dialler(endpoint);
  }

  /** Starts a server at `host:port`. */
  startServer(address: string): SimulatedServer {
    return new SimulatedServer(this.network, address);
  }

  /** Starts a cluster, whose nodes are at `cluster:7001` and the ports behind it. */
  startCluster(options?: SimulatedClusterOptions): SimulatedCluster {
    return new SimulatedCluster(this.network, this.random.fork("cluster"), options);
  }

  /**
   * Runs a program, and lets time pass until it has come to its end.
   *
   * @throws Error when it waits for something that never comes; whatever the program throws
   */
  async run<T>(program: () => Promise<T>): Promise<T> {
    let isOver = false;
    this.#programs++;
    const result = program().finally(() => {
      isOver = true;
      this.#programs--;
    });
    result.catch(() => {});
    const moved = await this.timeline.run(Infinity, () => isOver);
    if (!moved && !isOver)
      throw new Error(`at ${this.timeline.now()} ms the program waits, and nothing is left to happen`);
    return result;
  }

  /** Lets so many ms pass. */
  async pass(ms: number): Promise<void> {
    // Inside a program time passes already; two who move it on would not see what the other one is about to do.
    if (this.#programs > 0) await new Promise<void>((resolve) => this.timeline.after(ms, resolve, true));
    else await this.timeline.run(this.timeline.now() + ms);
  }
}
