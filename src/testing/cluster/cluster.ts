import type { CertificateSet } from "../certificate.ts";
import {
  addressOf,
  checkWhole,
  disagreed,
  refused,
  sharedCertificates,
  startAll,
  tell,
  untilNothing,
} from "../group.ts";
import { launchServer, type RunningServer, type TestTls } from "../server.ts";
import { checkClusterOptions, nodeDirectives, nodeOptions, SLOTS, type StartClusterOptions } from "./options.ts";
import { RunningSlotMove, type SlotMove } from "./slot-move.ts";
import type { ClusterNode, TestCluster } from "./test-cluster.ts";
import { lookAt, type NodeView, notAcquainted, notAgreed, notSettled, ownsSlot, type RunningNode } from "./view.ts";

const PATIENCE = 30_000;
// A manual failover that is not done within 5 s is given up by the server.
const FAILOVER_ATTEMPT = 5500;

/**
 * Starts a real cluster for a test, on loopback.
 *
 * It ends with this process at the latest, even if that is killed, and does not keep the event loop alive.
 *
 * @returns the cluster, when it is settled: about 2.5 s; `await using` ends it
 * @throws TestServerError `ERR_SERVER_NOT_FOUND`, `ERR_SERVER_OPTIONS`, `ERR_SERVER_START`, or `ERR_SERVER_TOPOLOGY` when
 *   the nodes do not come together in time
 * @see docs/testing.md
 */
export async function startCluster(options: StartClusterOptions = {}): Promise<TestCluster> {
  checkClusterOptions(options);
  const cluster = new RunningCluster(options);
  try {
    await cluster.form();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

class RunningCluster implements TestCluster {
  #nodes: RunningNode[] = [];
  /** All that were ever started, those that were forgotten too. */
  readonly #processes: RunningServer[] = [];
  readonly #options: StartClusterOptions;
  readonly #certificates: CertificateSet | undefined;

  constructor(options: StartClusterOptions) {
    this.#options = options;
    this.#certificates = sharedCertificates(options.tls);
  }

  get nodes(): readonly RunningNode[] {
    return this.#nodes;
  }

  get urls(): readonly string[] {
    return this.#nodes.map((node) => node.url);
  }

  get password(): string | undefined {
    return this.#options.password;
  }

  get tls(): TestTls | undefined {
    return this.#nodes[0]?.tls;
  }

  /** @internal Starts the nodes and makes them a cluster. */
  async form(): Promise<void> {
    const { primaries: count = 3, replicas = 1, startTimeout = PATIENCE } = this.#options;
    this.#nodes = await startAll(Array.from({ length: count * (1 + replicas) }, () => this.#start()));
    const primaries = this.#nodes.slice(0, count);
    await Promise.all(
      primaries.map((node, at) =>
        tell(node, [
          ["CLUSTER", "SET-CONFIG-EPOCH", at + 1],
          ["CLUSTER", "ADDSLOTSRANGE", Math.round((at * SLOTS) / count), Math.round(((at + 1) * SLOTS) / count) - 1],
        ]),
      ),
    );
    // Each meets all: by hearsay it would take seconds.
    await Promise.all(this.#nodes.map((node, at) => this.#meet(node, this.#nodes.slice(at + 1))));
    await this.#untilAcquainted(startTimeout);
    await Promise.all(
      this.#nodes.slice(count).map((node, at) => {
        return tell(node, [["CLUSTER", "REPLICATE", primaries[Math.floor(at / replicas)]?.id ?? ""]]);
      }),
    );
    await this.settled(startTimeout);
  }

  async primaries(): Promise<RunningNode[]> {
    const views = await this.#look();
    return views.filter((view) => view.self.primary === undefined).map((view) => view.node);
  }

  async replicas(primary?: ClusterNode): Promise<RunningNode[]> {
    const id = primary === undefined ? undefined : this.#own(primary).id;
    const views = await this.#look();
    const replicas = views.filter(({ self }) => self.primary !== undefined && (id ?? self.primary) === self.primary);
    return replicas.map((view) => view.node);
  }

  async primaryOf(slot: number): Promise<RunningNode> {
    checkSlot("slot", slot);
    const views = await this.#look();
    const owners = views.filter((view) => ownsSlot(view.self, slot)).sort((a, b) => b.self.epoch - a.self.epoch);
    const [owner] = owners;
    if (owner === undefined) throw disagreed(`no node that answers has slot ${slot}: wait for settled()`);
    return owner.node;
  }

  failover(replica: ClusterNode, mode: "graceful" | "force" = "graceful"): Promise<void> {
    return this.#promote(replica, mode === "force" ? ["FORCE"] : []);
  }

  takeover(replica: ClusterNode): Promise<void> {
    return this.#promote(replica, ["TAKEOVER"]);
  }

  moveSlots(slots: number | readonly [first: number, last: number], from: ClusterNode, to: ClusterNode): SlotMove {
    const [first, last] = typeof slots === "number" ? [slots, slots] : slots;
    checkSlot("the first of slots", first);
    checkSlot("the last of slots", last);
    if (last < first) throw refused(`slots should be a range such as [0, 99], got [${first}, ${last}]`);
    const target = this.#own(to);
    if (from === to) throw refused(`from and to should be two nodes, got ${addressOf(from)} twice`);
    const list = Array.from({ length: last - first + 1 }, (_, at) => first + at);
    return new RunningSlotMove({
      slots: list,
      from: this.#own(from),
      to: target,
      primaries: () => this.primaries(),
      untilKnown: () =>
        this.#untilNothing("moving the slots", async () => {
          const views = await this.#look();
          const other = views.find(({ entries }) => {
            const entry = entries.get(target.id);
            return entry === undefined || !list.every((slot) => ownsSlot(entry, slot));
          });
          return other && `${addressOf(other.node)} does not have them at ${addressOf(target)}`;
        }),
    });
  }

  async addNode(options: { readonly replicaOf?: ClusterNode } = {}): Promise<RunningNode> {
    const primary = options.replicaOf === undefined ? undefined : this.#own(options.replicaOf);
    const members = this.#alive;
    const node = await this.#start();
    this.#nodes.push(node);
    await this.#meet(node, members);
    await this.#untilAcquainted(PATIENCE);
    if (primary !== undefined) await tell(node, [["CLUSTER", "REPLICATE", primary.id]]);
    await this.settled();
    return node;
  }

  async forget(node: ClusterNode): Promise<void> {
    const leaving = this.#own(node);
    const others = this.#alive.filter((other) => other !== leaving);
    const views = await Promise.all(others.map(lookAt));
    for (const { entries } of views) {
      const ranges = entries.get(leaving.id)?.ranges ?? [];
      if (ranges.length > 0)
        throw disagreed(`${addressOf(leaving)} has slots (${ranges.join(" ")}): move them before forget()`);
      if ([...entries.values()].some((entry) => entry.primary === leaving.id))
        throw disagreed(`${addressOf(leaving)} has replicas: let them go before forget()`);
    }
    await Promise.all(others.map((other) => tell(other, [["CLUSTER", "FORGET", leaving.id]])));
    this.#nodes = this.#nodes.filter((other) => other !== leaving);
  }

  kill(node: ClusterNode): Promise<void> {
    return this.#own(node).kill();
  }

  pause(node: ClusterNode): void {
    this.#own(node).pause();
  }

  resume(node: ClusterNode): void {
    this.#own(node).resume();
  }

  restart(node: ClusterNode): Promise<void> {
    return this.#own(node).restart();
  }

  async settled(timeout: number = PATIENCE): Promise<void> {
    checkWhole("timeout", timeout, 0);
    await this.#untilNothing("settling", async () => notSettled(await this.#look()), timeout);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((server) => server.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #alive(): RunningNode[] {
    return this.#nodes.filter((node) => node.isAnswering);
  }

  #look(): Promise<NodeView[]> {
    return Promise.all(this.#alive.map(lookAt));
  }

  #own(node: ClusterNode): RunningNode {
    const own = this.#nodes.find((one) => one === node);
    if (own === undefined) throw refused(`${addressOf(node)} is no node of this cluster, or was forgotten`);
    return own;
  }

  async #start(): Promise<RunningNode> {
    const server = await launchServer(nodeOptions(this.#options), {
      directives: () => nodeDirectives(this.#options, this.#certificates),
      certificates: this.#certificates,
    });
    this.#processes.push(server);
    const [self] = await tell(server, [["CLUSTER", "NODES"]]);
    const [, id = "", busPort] = /^(\w+) \S*@(\d+)/.exec(String(self)) ?? [];
    return Object.assign(server, { id, busPort: Number(busPort) });
  }

  async #meet(node: RunningNode, others: readonly RunningNode[]): Promise<void> {
    await tell(
      node,
      others.map((other) => ["CLUSTER", "MEET", other.host, other.port, other.busPort]),
    );
  }

  async #promote(replica: ClusterNode, mode: readonly string[]): Promise<void> {
    const node = this.#own(replica);
    await this.#checkPromotable(node, mode.length === 0);
    const order = [["CLUSTER", "FAILOVER", ...mode]];
    await tell(node, order);
    let orderedAt = Date.now();
    await this.#untilNothing("the failover", async () => {
      const views = await this.#look();
      const view = views.find((one) => one.node === node);
      if (view === undefined) return `${addressOf(node)} does not answer any more`;
      if (view.self.primary === undefined) return notAgreed(views);
      if (Date.now() - orderedAt > FAILOVER_ATTEMPT) {
        // The nodes may have refused their votes, as they do for some seconds after another failover.
        orderedAt = Date.now();
        await tell(node, order);
      }
      return `${addressOf(node)} is a replica still`;
    });
  }

  async #checkPromotable(node: RunningNode, isGraceful: boolean): Promise<void> {
    const { primary } = (await lookAt(node)).self;
    if (primary === undefined) throw disagreed(`${addressOf(node)} is a primary already: a failover takes a replica`);
    if (isGraceful && !this.#alive.some((one) => one.id === primary))
      throw disagreed(`the primary of ${addressOf(node)} does not answer: use the mode "force", or takeover()`);
    await this.#untilNothing("the failover", async () => {
      const views = await this.#look();
      const isBehind = isGraceful && views.some((view) => view.node === node && !view.isLinked);
      // Nobody votes for a node that is not known as a replica.
      return isBehind ? `${addressOf(node)} does not follow its primary yet` : notAgreed(views);
    });
  }

  #untilAcquainted(timeout: number): Promise<void> {
    return this.#untilNothing("meeting", async () => notAcquainted(await this.#look(), this.#alive), timeout);
  }

  #untilNothing(what: string, missing: () => Promise<string | undefined>, timeout: number = PATIENCE): Promise<void> {
    return untilNothing(missing, { timeout, what });
  }
}

function checkSlot(name: string, slot: number): void {
  if (Number.isInteger(slot) && slot >= 0 && slot < SLOTS) return;
  throw refused(`${name} should be a whole number from 0 to ${SLOTS - 1}, got ${String(slot)}`);
}
