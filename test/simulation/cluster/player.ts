import { Redis, type PoolStats } from "respool";
import type { SimulatedCluster, SimulatedNode } from "respool/testing";
import { slotOf } from "../../../src/commands/slot.ts";
import type { Operation } from "../ledger.ts";
import { isLinkFault, LINK_FAULTS } from "../link-faults.ts";
import { FEW, type Caller } from "../operations.ts";
import { LONGEST_FAULT } from "../plan.ts";
import { Stage, type Dice, type Report } from "../stage.ts";
import { FAULTS } from "./faults.ts";
import { fixedKeys, OPERATIONS, valueOf } from "./operations.ts";
import { isOperation, type ClusterFault, type ClusterPlan, type ClusterStep } from "./plan.ts";
import { RedirectRules } from "./redirect-rules.ts";

/** After the last look at the cluster the next one may have to wait for so long, ms. */
const LOOK = 550;
/** What an unplanned loss of a primary may cost beyond the cluster's own detection, ms. */
const AFTER_DETECTION = 1000;
const PROBE_EVERY = 50;
/** A scan need not give a key whose slot was on its way so shortly before, ms. */
const UNSEEN = 1000;
/** The cluster heals by itself within this time, ms: else the simulation is at fault. */
const HEALING = 60_000;

/** Plays one plan for a cluster on a world of its own, and holds everything against the promises. */
export class ClusterPlayer implements Caller {
  readonly stage: Stage;
  readonly plan: ClusterPlan;
  readonly cluster: SimulatedCluster;
  readonly redis: Redis;
  readonly attempts: number;
  /** Scans that go on, and when the latest one ended, ms: they look at the cluster more often. */
  scanning: number = 0;
  scannedAt: number = -Infinity;
  isClosing: boolean = false;
  readonly #nodes = new Set<SimulatedNode>();
  readonly #rules: RedirectRules;
  /** When a slot has begun or ended to move for the last time, ms. */
  readonly #moved = new Map<number, number>();
  /** Tokens of commands that ran there. */
  readonly #inVain = new Set<string>();
  /** Operations some of whose parts have failed in their places. */
  readonly #partly = new Map<number, unknown>();
  #underway = 0;
  #closedBy = 0;
  #isClosed = false;

  constructor(plan: ClusterPlan, traced: boolean) {
    this.plan = plan;
    this.attempts = plan.mood === "chaos" ? 5 : 60;
    this.stage = new Stage(plan, traced);
    this.cluster = this.stage.world.startCluster(plan.cluster);
    this.#rules = new RedirectRules(this);
    this.cluster.onAnswer = (answer, node, command) => this.#rules.answered(answer, node, command);
    for (const node of this.cluster.nodes) this.watch(node);
    for (const key of fixedKeys((kind, which) => this.key(kind, which)))
      this.cluster.ownerOf(slotOf(key)).server.database(0).set(key, valueOf(key));
    const seeds = this.cluster.nodes.slice(0, 2).map(({ host, port }) => ({ host, port }));
    this.redis = Redis.cluster(seeds, { ...plan.options, environment: this.stage.world });
  }

  key(kind: string, which: number): string {
    return `${kind}:{${which}}`;
  }

  slotOf(which: number): number {
    return slotOf(`{${which}}`);
  }

  /** Whether no key that is always there can be missing: else replicas lag behind migrations, and data is lost with its primary. */
  get mustBeThere(): boolean {
    return this.plan.mood !== "chaos" && this.plan.options.readFrom === "primary";
  }

  /** Whether a key was in one place since then, and a while before. */
  stayed(key: string, since: number): boolean {
    const slot = slotOf(key);
    const isMoving = this.cluster.migrationOf(slot) !== undefined;
    return this.plan.mood !== "chaos" && !isMoving && (this.#moved.get(slot) ?? -Infinity) < since - UNSEEN;
  }

  moves(slots: Iterable<number>): void {
    for (const slot of slots) this.#moved.set(slot, this.stage.now);
  }

  /** Goes on until it has ended, whatever the plan says. */
  busyWith(work: Promise<void>): void {
    this.#underway++;
    work
      .catch((error: unknown) => this.stage.ledger.violate("the program runs", String((error as Error).stack)))
      .finally(() => this.#underway--);
  }

  later(ms: number, callback: () => void): void {
    this.#underway++;
    this.stage.world.timeline.after(
      ms,
      () => {
        this.#underway--;
        callback();
      },
      false,
    );
  }

  /** Keeps account of what a node runs. */
  watch(node: SimulatedNode): void {
    this.#nodes.add(node);
    node.server.onExecute = (command, session) => {
      const token = this.stage.executed(command, session, node.id);
      if (token !== undefined && !this.#hasSayIn(node, command)) this.#inVain.add(token);
    };
    node.server.onTaken = (element, args) => {
      this.stage.took(element, args);
      if (!this.#hasSayIn(node, ["BLPOP", ...args])) this.stage.doubtful.add(element);
    };
  }

  /** Whether what a node does with a key counts. */
  #hasSayIn(node: SimulatedNode, [, key = ""]: readonly string[]): boolean {
    const slot = slotOf(key);
    const move = this.cluster.migrationOf(slot);
    return this.cluster.ownerOf(slot) === node || move?.from === node || move?.to === node;
  }

  // --- the play ---

  async play(): Promise<Report> {
    const { timeline } = this.stage.world;
    const { ledger } = this.stage;
    const stray = (reason: unknown): void =>
      ledger.violate("no unhandled rejection", String((reason as Error)?.stack ?? reason));
    process.on("unhandledRejection", stray);
    try {
      for (const step of this.plan.steps) timeline.after(step.at, () => this.#do(step), true);
      const { calmAt, closing } = this.plan;
      if (closing !== null) timeline.after(closing.at, () => this.#beginToClose(closing.timeout), true);
      await timeline.run(calmAt);
      await this.#calm();
      if (closing === null) {
        await this.#recover();
        this.#beginToClose(500);
      }
      await this.#end();
    } catch (error) {
      ledger.violate("the program runs", String((error as Error).stack));
    } finally {
      process.off("unhandledRejection", stray);
    }
    this.#judge();
    return { ledger, trace: this.stage.trace ?? [], events: timeline.events, time: this.stage.now };
  }

  #do({ id, kind, dice }: ClusterStep): void {
    if (isOperation(kind)) {
      this.stage.tell(`#${id} ${kind}`);
      OPERATIONS[kind](this, id, dice);
    } else {
      this.#fault(kind, dice);
    }
    this.#checkStats();
  }

  #fault(kind: ClusterFault, dice: Dice): void {
    const [share = 0, length = 0] = dice;
    const { network } = this.stage.world;
    const duration = length * LONGEST_FAULT;
    const links = [...network.links].filter((_link, index) => (share * 97 + index * 0.37) % 1 < 0.6);
    this.stage.tell(`fault: ${kind}, ${duration.toFixed(0)} ms`);
    const heal = isLinkFault(kind) ? LINK_FAULTS[kind](this.stage, links, dice) : FAULTS[kind](this, dice, duration);
    if (heal === undefined) return;
    this.later(duration, () => {
      this.stage.tell(`healed: ${kind}`);
      heal();
    });
  }

  /** A primary is lost: writes to its slots must succeed again in time. */
  lost(node: SimulatedNode): void {
    if (this.plan.mood !== "losses") return;
    const { cluster, stage } = this;
    const since = stage.now;
    const replacedAt = since + cluster.detection;
    const bound = replacedAt + cluster.spread + AFTER_DETECTION;
    for (let which = 0; which < FEW; which++) {
      if (cluster.ownerOf(this.slotOf(which)) !== node) continue;
      let successAt = Infinity;
      let latest = "";
      const probe = (): void => {
        this.redis.set(this.key("probe", which), "1").then(
          () => (successAt = Math.min(successAt, stage.now >= replacedAt ? stage.now : Infinity)),
          (error: unknown) => (latest = String(error)),
        );
        if (stage.now + PROBE_EVERY < bound && successAt === Infinity) this.later(PROBE_EVERY, probe);
      };
      stage.world.timeline.after(0, probe, true);
      this.later(bound - since, () => {
        if (successAt > bound)
          stage.ledger.violate(
            "writes succeed a second after the cluster has replaced a primary",
            `none to {${which}} within ${bound - since} ms of the loss of ${node.id}: ${latest}`,
          );
      });
    }
  }

  /** Of several that were sent together, one has failed in its place. */
  partFailed(id: number, dice: Dice, error: unknown): void {
    if (!this.#partly.has(id) && isPatient(dice)) this.#partly.set(id, error);
  }

  // --- the end ---

  async #calm(): Promise<void> {
    const { timeline } = this.stage.world;
    const limit = this.stage.now + HEALING;
    while (this.stage.now < limit && (this.#underway > 0 || !this.cluster.isSettled))
      await timeline.run(this.stage.now + 20);
    if (this.stage.now >= limit)
      this.stage.ledger.violate("the simulated cluster heals", `${this.#underway} under way`);
  }

  async #recover(): Promise<void> {
    this.stage.tell("calm");
    const { options, mood } = this.plan;
    const { connectTimeout = 0, socketTimeout = 0, commandTimeout = 0, maxConnections = 1 } = options;
    const { maxTotalConnections = 1000 } = options;
    // With few connections shared commands wait for whoever has one: at most a blocking pop to its end.
    const busy = maxConnections === 1 || maxTotalConnections < 20 ? 1000 + socketTimeout + commandTimeout : 0;
    // A dead link is noticed by its silence.
    const silence = this.stage.dead.size > 0 ? socketTimeout + connectTimeout : 0;
    // A server that was full is asked for few connections for a while.
    const modest = this.plan.steps.some(({ kind }) => kind === "full") ? 5000 : 0;
    const trouble = mood === "chaos" ? (options.reconnect?.maxDelay ?? 0) + 2 * connectTimeout : 0;
    const deadline = this.stage.now + Math.ceil(trouble + LOOK + busy + silence + modest + 100);
    await Promise.all(Array.from({ length: FEW }, (_, which) => this.#succeeds(which, deadline)));
    const open = this.stage.ledger.operations.filter(({ state }) => state === "open");
    const longest = Math.max(this.stage.now, ...open.map(({ due }) => due)) + 2 * this.stage.ledger.stalled + 50;
    await this.stage.world.timeline.run(longest, () => open.every(({ state }) => state !== "open"));
    this.#checkStats();
  }

  async #succeeds(which: number, deadline: number): Promise<void> {
    const { stage } = this;
    let latest = "";
    let isOver = false;
    const attempt = async (): Promise<void> => {
      while (stage.now < deadline) {
        try {
          const timeout = Math.max(1, Math.floor(deadline - stage.now));
          await this.redis.with({ timeout }).set(this.key("probe", which), "1");
          return;
        } catch (error) {
          latest = String(error);
          await new Promise<void>((resolve) => stage.world.timeline.after(5, resolve, true));
        }
      }
    };
    void attempt().then(() => (isOver = true));
    await stage.world.timeline.run(deadline + 30, () => isOver);
    if (!isOver || stage.now > deadline)
      stage.ledger.violate("the first success comes in time", `none to {${which}}: ${latest}`);
  }

  #beginToClose(timeout: number): void {
    this.stage.tell(timeout === 0 ? "destroy()" : `close({ timeout: ${timeout} })`);
    this.isClosing = true;
    // Each drains for its time: the retries, the redirected, the pools.
    this.#closedBy = this.stage.now + 3 * timeout + 100;
    if (timeout === 0) {
      this.redis.destroy();
      this.#isClosed = true;
      return;
    }
    void this.redis.close({ timeout }).then(() => {
      this.#isClosed = true;
    });
  }

  async #end(): Promise<void> {
    const { ledger, dead } = this.stage;
    const { timeline, network } = this.stage.world;
    await timeline.run(Math.max(this.stage.now, this.#closedBy + 2 * ledger.stalled));
    if (!this.#isClosed) ledger.violate("close() comes to its end", `not by ${this.#closedBy.toFixed(0)} ms`);
    // What was held for ever arrives, so that the servers hear of the ends, too.
    for (const link of dead) link.hold("both", false);
    if (network.links.size > 0) ledger.violate("after close() there is no socket", `${network.links.size} are open`);
    if (timeline.held > 0) ledger.violate("after close() there is no timer", `${timeline.held} hold the process`);
    await this.stage.world.pass(70_000);
    const sessions = [...this.#nodes].reduce((sum, { server }) => sum + server.sessions.size, 0);
    if (sessions > 0) ledger.violate("after close() there is no socket", `the servers have ${sessions}`);
    if (timeline.timers > 0) ledger.violate("after close() there is no timer", `${timeline.timers} are left`);
    for (const [node, { total, connecting, inFlight, waiting }] of Object.entries(this.redis.stats().nodes))
      if (total + connecting + inFlight + waiting > 0)
        ledger.violate(
          "after close() nothing is counted",
          JSON.stringify({ node, total, connecting, inFlight, waiting }),
        );
  }

  // --- the account ---

  #judge(): void {
    const { ledger } = this.stage;
    ledger.close();
    for (const operation of ledger.operations) {
      if (operation.kind === "multi") this.#judgeMulti(operation);
      if (operation.kind === "pop") this.#judgePop(operation);
      if (operation.state === "failed") this.#judgeFailure(operation, operation.error);
      else if (this.#partly.has(operation.id)) this.#judgeFailure(operation, this.#partly.get(operation.id));
    }
    for (let which = 0; which < FEW; which++) {
      const key = this.key("tx", which);
      const counted = Number(this.cluster.ownerOf(slotOf(key)).server.database(0).text(key) ?? 0);
      const ran = [...ledger.runs.keys()].filter(
        (token) => token.startsWith(`#tx${which}.`) && !this.#inVain.has(token),
      );
      if (counted !== ran.length)
        ledger.violate("a transaction sees no other in between", `${key} is ${counted} after ${ran.length}`);
    }
  }

  /** What a caller may be told of, whose limits are wide and who has not given up himself. */
  #judgeFailure(operation: Operation, error: unknown): void {
    const { mood, steps } = this.plan;
    const step = steps.find(({ id }) => id === operation.id);
    if (mood === "chaos" || operation.outcome === "aborted" || operation.outcome === "callback error") return;
    if (operation.kind !== "transaction" && operation.kind !== "pop" && !isPatient(step?.dice ?? [])) return;
    const { outcome } = error as { outcome?: string };
    const told = `#${operation.id} ${operation.kind} (called at ${operation.since.toFixed(1)}): ${String(error)} (${outcome})`;
    if (mood === "planned") this.stage.ledger.violate("no error because of a planned change", told);
    else if (outcome !== "unknown" || READS.has(operation.kind))
      this.stage.ledger.violate("a loss leaves only unknown writes", told);
  }

  #judgeMulti(operation: Operation): void {
    const runs = new Set(operation.tokens.map((token) => this.stage.ledger.runs.get(token) ?? 0));
    if (runs.size > 1)
      this.stage.ledger.violate("MULTI runs whole or not at all", `#${operation.id}: ${[...runs].join(", ")} runs`);
  }

  #judgePop(operation: Operation): void {
    const token = operation.tokens[0] as string;
    for (const [element, taker] of this.stage.taken) {
      if (taker !== token || this.stage.receiverOf(element) === operation.id) continue;
      const { state, outcome, error } = operation;
      if (state === "failed" && outcome === "unknown") continue;
      if (state === "failed" && outcome === "aborted" && this.plan.mood !== "planned") continue;
      this.stage.ledger.violate(
        "a pop never swallows an element",
        `#${operation.id} took ${element} and ended with ${outcome ?? state}: ${String(error)}`,
      );
    }
  }

  #checkStats(): void {
    const { ledger, world } = this.stage;
    const { maxTotalConnections = 1000 } = this.plan.options;
    for (const [node, stats] of Object.entries(this.redis.stats().nodes)) this.#checkNode(node, stats);
    const open = world.network.links.size;
    if (open > maxTotalConnections)
      ledger.violate("no more connections than allowed", `${open} of ${maxTotalConnections}`);
  }

  #checkNode(node: string, stats: PoolStats): void {
    const { total, idle, leased, lanes, subscribers, repairing, connecting, maxConnections } = stats;
    if (total !== idle + leased + lanes + subscribers + repairing || total + connecting > maxConnections)
      this.stage.ledger.violate(
        "the sum rule of PoolStats",
        JSON.stringify({ node, total, idle, leased, lanes, subscribers, repairing, connecting, maxConnections }),
      );
  }
}

const READS = new Set(["get", "echo", "chain", "scan"]);

/** Whether an operation is made with the client's own limits. */
function isPatient(dice: Dice): boolean {
  return (dice.at(-2) ?? 0) < 0.6;
}
