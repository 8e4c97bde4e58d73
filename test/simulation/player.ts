import { ConnectionPool, ProtocolError, Redis, type Lease, type PoolStats } from "respool";
import type { SimulatedServer } from "respool/testing";
import { CalmRule } from "./calm-rule.ts";
import { Trouble } from "./trouble.ts";
import { DEADLY, DialRule } from "./dial-rule.ts";
import type { Operation } from "./ledger.ts";
import { OrderRule } from "./order-rule.ts";
import { isLinkFault, LINK_FAULTS } from "./link-faults.ts";
import { FEW, type Caller } from "./operations.ts";
import { isFault, LONGEST_FAULT, type FaultKind, type OperationKind, type Plan, type Step } from "./plan.ts";
import { SERVER_FAULTS } from "./server-faults.ts";
import { OPERATIONS } from "./server-operations.ts";
import { ADDRESS, Stage, type Dice, type Report } from "./stage.ts";

/** What the library itself may have in flight on a lane: ECHO, INFO, CLIENT UNBLOCK. */
const OWN_COMMANDS = 3;

/** Faults of which something may be left for longer than was planned. */
const LASTING: Readonly<Partial<Record<FaultKind, (player: Player) => () => boolean>>> = {
  dead:
    ({ stage }) =>
    () =>
      [...stage.dead].some(({ isOpen }) => isOpen),
  twice:
    ({ order }) =>
    () =>
      order.lasts,
  never:
    ({ order }) =>
    () =>
      order.lasts,
};

/** Plays one plan on a world of its own, and holds everything against the promises. */
export class Player implements Caller {
  readonly stage: Stage;
  readonly server: SimulatedServer;
  readonly plan: Plan;
  readonly pool: ConnectionPool;
  readonly redis: Redis;
  readonly attempts = 5;
  /** Leases that their borrowers have forgotten: given back when everything is calm. */
  readonly forgotten: Lease[] = [];
  /** Channels of the subscriptions that are open, by their operation. */
  readonly subscribed: Map<number, string> = new Map();
  /** Subscriptions that got the last message of all. */
  readonly reached: Set<number> = new Set();
  #closedBy = 0;
  #isClosed = false;
  readonly #dials: DialRule;
  readonly trouble: Trouble;
  readonly calm: CalmRule;
  readonly order: OrderRule;

  constructor(plan: Plan, traced: boolean) {
    this.plan = plan;
    this.stage = new Stage(plan, traced);
    this.server = this.stage.world.startServer(ADDRESS);
    this.server.serviceTime = plan.serviceTime;
    this.order = new OrderRule(this.stage, this.server);
    this.server.onExecute = (command, session) => this.order.executed(session, this.stage.executed(command, session));
    this.server.onTaken = (element, args) => this.stage.took(element, args);
    const [host = "", port = ""] = ADDRESS.split(":");
    this.pool = new ConnectionPool({ ...plan.options, host, port: Number(port), environment: this.stage.world });
    this.redis = new Redis({ pool: this.pool });
    this.trouble = new Trouble(() => this.stage.now);
    this.calm = new CalmRule(this.stage, this.server, plan.options, this.trouble);
    this.stage.ledger.worked = () => this.server.worked;
    this.stage.ledger.excuses = (operation) => this.order.excuses(operation);
    this.stage.ledger.mixedUp = (operation) => this.order.touched(operation);
    this.stage.ledger.onSettled = (operation) => {
      if (operation.error instanceof ProtocolError) this.order.noticed(operation);
      this.calm.settled(operation);
    };
    this.#dials = new DialRule(this.stage, this.server, plan.options);
  }

  key(kind: string, which: number): string {
    return `${kind}:${which}`;
  }

  async play(): Promise<Report> {
    const { timeline } = this.stage.world;
    const stray = (reason: unknown): void =>
      this.stage.ledger.violate("no unhandled rejection", String((reason as Error)?.stack ?? reason));
    process.on("unhandledRejection", stray);
    try {
      for (const step of this.plan.steps) timeline.after(step.at, () => this.#do(step), true);
      const { calmAt, closing } = this.plan;
      if (closing !== null) timeline.after(closing.at, () => this.#beginToClose(closing.timeout), true);
      // A stalled event loop begins later with what it does, and so do the faults.
      await timeline.run(calmAt);
      await timeline.run(Math.max(this.stage.now, this.trouble.end));
      if (closing === null) {
        // A server that has still to do what nobody waits for any more is not at the client's disposal.
        if (this.plan.serviceTime > 0) await timeline.run(this.stage.now + 100);
        await timeline.run(this.stage.now + 60_000, () => this.server.busySince === null);
        await this.#recover();
        await this.#publishToAll();
        this.#beginToClose(500);
      }
      await this.#end();
    } catch (error) {
      this.stage.ledger.violate("the program runs", String((error as Error).stack));
    } finally {
      process.off("unhandledRejection", stray);
    }
    this.#judge();
    return { ledger: this.stage.ledger, trace: this.stage.trace ?? [], events: timeline.events, time: this.stage.now };
  }

  giveBack(lease: Lease): void {
    this.calm.world.givenBack(lease);
    lease.release();
  }

  // --- steps ---

  #do(step: Step): void {
    if (isFault(step.kind)) this.#fault(step.kind, step.dice);
    else this.#operate(step.kind, step);
    this.#checkStats();
  }

  #operate(kind: OperationKind, { id, dice }: Step): void {
    this.stage.tell(`#${id} ${kind}`);
    const before = this.stage.now;
    OPERATIONS[kind](this, id, dice);
    if (this.stage.now > before) this.trouble.begin(0); // the event loop stood still
  }

  // --- faults ---

  #fault(kind: FaultKind, dice: Dice): void {
    const [share = 0, length = 0] = dice;
    const duration = length * LONGEST_FAULT;
    // After a server that was full the pool asks for few connections for five seconds.
    const tail = kind === "full" ? 5000 : 0;
    this.trouble.begin(duration, tail, LASTING[kind]?.(this));
    const links = [...this.stage.world.network.links].filter((_link, index) => (share * 97 + index * 0.37) % 1 < 0.6);
    this.stage.tell(
      `fault: ${kind}, ${duration.toFixed(0)} ms, links ${links.map(({ id }) => id).join(" ") || "none"}`,
    );
    if (DEADLY.has(kind)) this.#dials.died();
    const heal = isLinkFault(kind) ? LINK_FAULTS[kind](this.stage, links, dice) : SERVER_FAULTS[kind](this, dice);
    if (heal !== undefined) {
      this.stage.world.timeline.after(
        duration,
        () => {
          this.stage.tell(`healed: ${kind}`);
          if (DEADLY.has(kind)) this.#dials.revived();
          heal();
        },
        false,
      );
    }
  }

  // --- the end ---

  /** After the last fault the client must be back by itself. */
  async #recover(): Promise<void> {
    this.stage.tell("calm");
    for (const lease of this.forgotten) this.giveBack(lease);
    const { options } = this.plan;
    const { connectTimeout = 0, socketTimeout = 0, maxConnections = 1, commandTimeout = 0 } = options;
    // With one connection shared commands wait for whoever has it: at most a blocking pop to its end.
    const busy = maxConnections === 1 ? 1000 + socketTimeout + commandTimeout : 0;
    // A dead link is noticed by its silence, and so is a reply that never comes.
    const silence = this.stage.dead.size > 0 || this.order.lasts ? socketTimeout : 0;
    const bound = Math.ceil((options.reconnect?.maxDelay ?? 0) + connectTimeout + busy + silence + 100);
    const deadline = this.stage.now + bound;
    let latest = "";
    while (!(await this.#succeeds(deadline, (error) => (latest = error))) && this.stage.now < deadline);
    if (this.stage.now >= deadline) {
      const { total, idle, leased, lanes, subscribers, connecting, lastConnectError } = this.pool.stats();
      const state = JSON.stringify({ total, idle, leased, lanes, subscribers, connecting, lastConnectError });
      this.stage.ledger.violate(
        "the first success comes in time",
        `none ${bound} ms after the last fault: ${latest}; ${state}`,
      );
    }
    const longest = Math.max(
      0,
      ...this.stage.ledger.operations.filter(({ state }) => state === "open").map(({ due }) => due),
    );
    // A server that was full is asked for few connections for a while.
    const modest = this.plan.steps.some(({ kind }) => kind === "full") ? 5000 : 0;
    const patience = modest + socketTimeout + commandTimeout + 2 * this.stage.ledger.stalled + 500;
    await this.stage.world.timeline.run(Math.max(this.stage.now, longest) + patience);
    await this.#fill(bound);
  }

  async #succeeds(deadline: number, tell: (error: string) => void): Promise<boolean> {
    let result = "open";
    this.redis
      .with({ timeout: Math.max(1, deadline - this.stage.now) })
      .echo("probe")
      .then(
        () => (result = "succeeded"),
        (error: unknown) => {
          tell(String(error));
          result = "failed";
        },
      );
    await this.stage.world.timeline.run(deadline, () => result !== "open");
    if (result === "failed") await this.stage.world.pass(5);
    return result === "succeeded";
  }

  /** Whoever is subscribed still, or again, gets what is published now. */
  async #publishToAll(): Promise<void> {
    // A subscriber whose link is dead hears of it by the next health check only, and with one connection it may have none.
    const { maxConnections = 1, socketTimeout = 0 } = this.plan.options;
    if (this.stage.dead.size > 0 || maxConnections === 1) return;
    const channels = new Set(this.subscribed.values());
    for (const channel of channels) {
      void this.redis.publish(channel, `${channel}=last`).catch(() => {});
      await this.stage.world.pass(socketTimeout + 500);
    }
    for (const [id, channel] of this.subscribed) {
      if (!this.reached.has(id))
        this.stage.ledger.violate("a subscription is restored", `#${id} on ${channel} did not get the last message`);
    }
  }

  /** All connections can be lent again. */
  async #fill(bound: number): Promise<void> {
    const { maxConnections = 1 } = this.plan.options;
    for (const lease of this.forgotten) this.giveBack(lease); // also those that were lent when it was calm
    // One is kept for the shared commands, and one may be subscribed.
    const count = maxConnections === 1 ? 1 : maxConnections - 1 - Math.min(1, this.subscribed.size);
    if ((this.plan.options.maxWaiting ?? count) < count) return;
    let isOver = false;
    const leases = Promise.allSettled(
      Array.from({ length: count }, () => this.pool.lease({ timeout: bound + 1000 })),
    ).finally(() => (isOver = true));
    const deadline = this.stage.now + bound + 1500;
    await this.stage.world.timeline.run(deadline, () => isOver);
    if (!isOver) {
      this.stage.ledger.violate(
        "capacity is back",
        `a lease has not settled ${bound + 1500} ms after it was asked for`,
      );
      return;
    }
    for (const result of await leases) {
      if (result.status === "fulfilled") result.value.release();
      else
        this.stage.ledger.violate("capacity is back", `${count} leases of ${maxConnections}: ${String(result.reason)}`);
    }
    this.#checkStats();
  }

  #beginToClose(timeout: number): void {
    this.stage.tell(timeout === 0 ? "destroy()" : `close({ timeout: ${timeout} })`);
    // Each drains for its time: first the retries, then the pool.
    this.calm.world.isClosing = true;
    this.#closedBy = this.stage.now + 2 * timeout + 100;
    if (timeout === 0) {
      this.redis.destroy();
      this.pool.destroy();
      this.#isClosed = true;
      return;
    }
    void Promise.all([this.redis.close({ timeout }), this.pool.close({ timeout })]).then(() => {
      this.#isClosed = true;
    });
  }

  async #end(): Promise<void> {
    const { timeline, network } = this.stage.world;
    for (const lease of this.forgotten) this.giveBack(lease);
    await timeline.run(Math.max(this.stage.now, this.#closedBy + 2 * this.stage.ledger.stalled));
    if (!this.#isClosed)
      this.stage.ledger.violate("close() comes to its end", `not by ${this.#closedBy.toFixed(0)} ms`);
    // What was held for ever arrives, so that the server hears of the ends, too.
    for (const link of this.stage.dead) link.hold("both", false);
    if (network.links.size > 0)
      this.stage.ledger.violate("after close() there is no socket", `${network.links.size} are open`);
    if (timeline.held > 0)
      this.stage.ledger.violate("after close() there is no timer", `${timeline.held} hold the process`);
    await this.stage.world.pass(60_000);
    if (this.server.sessions.size > 0)
      this.stage.ledger.violate("after close() there is no socket", `the server has ${this.server.sessions.size}`);
    if (timeline.timers > 0)
      this.stage.ledger.violate("after close() there is no timer", `${timeline.timers} are left`);
    const { total, connecting, inFlight, waiting } = this.pool.stats();
    if (total + connecting + inFlight + waiting > 0)
      this.stage.ledger.violate(
        "after close() nothing is counted",
        JSON.stringify({ total, connecting, inFlight, waiting }),
      );
  }

  #judge(): void {
    const { ledger } = this.stage;
    ledger.close();
    this.order.judge(this.pool.stats());
    for (const operation of ledger.operations) {
      if (operation.kind === "multi") this.#judgeMulti(operation);
      if (operation.kind === "pop") this.#judgePop(operation);
    }
    for (let key = 0; key < FEW; key++) {
      const counted = Number(this.server.database(0).text(`tx:${key}`) ?? 0);
      if (ledger.operations.some((operation) => operation.kind === "transaction" && this.order.touched(operation)))
        return;
      const ran = [...ledger.runs].filter(([token]) => token.startsWith(`#tx${key}.`)).length;
      if (counted !== ran)
        ledger.violate("a transaction sees no other in between", `tx:${key} is ${counted} after ${ran} transactions`);
    }
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
      const { state, outcome, since, settledAt, error } = operation;
      if ((state === "failed" && outcome === "unknown") || this.order.touched(operation)) continue;
      if (
        state === "failed" &&
        outcome === "aborted" &&
        (!this.trouble.wasCalm(since, settledAt, 2000) || this.plan.options.maxConnections === 1)
      )
        continue;
      this.stage.ledger.violate(
        "a pop never swallows an element",
        `#${operation.id} took ${element} and ended with ${outcome ?? state}: ${String(error)}`,
      );
    }
  }

  #checkStats(): void {
    const stats: PoolStats = this.pool.stats();
    const { total, idle, leased, lanes, subscribers, repairing, connecting, maxConnections, inFlight, queuedBytes } =
      stats;
    if (total !== idle + leased + lanes + subscribers + repairing || total + connecting > maxConnections) {
      this.stage.ledger.violate(
        "the sum rule of PoolStats",
        JSON.stringify({ total, idle, leased, lanes, subscribers, repairing, connecting, maxConnections }),
      );
    }
    const { maxInFlight = 65_536 } = this.plan.options;
    // Each lease may have as many as the lanes together; the library's own ECHO, PING and UNBLOCK come on top.
    if (inFlight > maxInFlight * (1 + leased + repairing) + leased + maxConnections + OWN_COMMANDS || queuedBytes < 0) {
      this.stage.ledger.violate(
        "queues are bounded",
        `${inFlight} in flight of ${maxInFlight}, ${queuedBytes} bytes queued`,
      );
    }
    const open = this.stage.world.network.links.size;
    if (open > maxConnections)
      this.stage.ledger.violate("no more connections than allowed", `${open} of ${maxConnections}`);
  }
}
