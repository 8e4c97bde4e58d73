import { commands, isDirty, type CommandHost } from "./commands.ts";
import type { Link, PeerListener, SimulatedNetwork } from "./network.ts";
import { Session } from "./session.ts";
import { Database, WrongTypeError } from "./store.ts";
import { Failure, OK, Status, type WireReply } from "./wire.ts";

/** Told of every command that runs, in the order in which they do: inside EXEC, too, and not while they are only queued. */
export type ExecutionListener = (command: readonly string[], session: Session) => void;

/** A cluster's word on what its node may run. */
export interface CommandGate {
  /** The reply in place of the command's own; undefined lets it through. */
  answer(name: string, args: readonly string[], session: Session): WireReply | undefined;
  /** Whether the command has to wait, for writes are paused. */
  holds(command: readonly string[], session: Session): boolean;
}

/** So many commands of one connection are served before it is another's turn: about what a server reads at once. */
const TURN = 16;
const QUEUED = new Status("QUEUED");
const MAX_CLIENTS = new Failure("ERR max number of clients reached");

/**
 * A server of the kind of Redis 7 that exists on a timeline only: enough of its commands to prove what a client promises about
 * sharing, blocking, transactions, sessions, subscriptions and losses. It keeps its data, unless `crash` is told otherwise.
 */
export class SimulatedServer implements CommandHost {
  readonly address: string;
  readonly sessions: Map<number, Session> = new Map();
  maxClients = 10_000;
  /** How long each command takes, ms, while all others wait, on whatever connection: the queue of a server with one thread. */
  serviceTime = 0;
  /** An error for every command that reads or writes data, such as `LOADING …`; null for none. */
  refusal: string | null = null;
  onExecute: ExecutionListener | null = null;
  /** Told of every element that a blocking pop has taken, with the pop's arguments. */
  onTaken: ((element: string, args: readonly string[]) => void) | null = null;
  /** @internal Set by a cluster that the server is a node of. */
  gate: CommandGate | null = null;
  readonly #network: SimulatedNetwork;
  #databases = new Map<number, Database>();
  #paused = false;
  #nextId = 1;
  /** Connections that may have a command to be served, in the order in which their turns come. */
  readonly #ready = new Set<Session>();
  #served = 0;
  /** Since when it works on a command. */
  #workSince: number | null = null;
  #busySince: number | null = null;
  #worked = 0;

  constructor(network: SimulatedNetwork, address: string) {
    this.#network = network;
    this.address = address;
    this.start();
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Since when it has had no moment without work, ms; null while it waits for commands, or takes no time for them. */
  get busySince(): number | null {
    return this.#busySince;
  }

  /** How long it has worked, in sum, ms. */
  get worked(): number {
    return this.#worked + (this.#workSince === null ? 0 : this.#network.timeline.now() - this.#workSince);
  }

  /** Commands that have arrived, and whose replies have not gone out. */
  get backlog(): number {
    let backlog = this.#workSince === null ? 0 : 1;
    for (const { input, unsent } of this.sessions.values()) backlog += input.waiting + unsent;
    return backlog;
  }

  database(index: number): Database {
    let database = this.#databases.get(index);
    if (database === undefined) this.#databases.set(index, (database = new Database()));
    return database;
  }

  /** @internal Has what another server has from now on: the same, as a replica that never lags, or a copy of its own. */
  takeData(from: SimulatedServer, how: "share" | "copy"): void {
    if (how === "share") this.#databases = from.#databases;
    else this.#databases = new Map([...from.#databases].map(([index, database]) => [index, database.copy()]));
  }

  // --- its life ---

  /** Takes connections, after `stop` or `crash` again. */
  start(): void {
    this.#network.listen(this.address, (link) => this.#accept(link));
  }

  /** Ends every connection in good order, and takes no more. */
  stop(): void {
    this.#network.listen(this.address, null);
    for (const session of [...this.sessions.values()]) this.end(session);
  }

  /**
   * As SIGKILL: every connection is reset, replies on their way are lost, and nothing listens any more.
   *
   * @param options.keepData whether `start` brings the data back; default true
   */
  crash(options: { readonly keepData?: boolean | undefined } = {}): void {
    this.#network.listen(this.address, null);
    this.#paused = false;
    for (const session of [...this.sessions.values()]) {
      this.#forget(session);
      session.peer.reset();
    }
    if (options.keepData === false) this.#databases.clear();
  }

  /** As SIGSTOP: connections stay open and are taken, nothing is answered; what comes is read when it goes on. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.serveAll();
  }

  /** @internal Goes on with what was held back. */
  serveAll(): void {
    for (const session of [...this.sessions.values()]) this.#serve(session);
  }

  /** Ends a connection, as CLIENT KILL does: what was answered still arrives. */
  end(session: Session): void {
    this.#forget(session);
    session.flush();
    session.peer.end();
  }

  // --- blocking ---

  block(
    session: Session,
    keys: readonly string[],
    limit: number | null,
    take: (key: string) => WireReply | undefined,
  ): void {
    const timer = limit === null ? null : this.#network.timeline.after(limit, () => this.unblock(session, null), false);
    session.blocked = { keys, db: session.db, take, cancelTimer: () => timer?.cancel() };
  }

  unblock(session: Session, reply: WireReply): void {
    session.blocked?.cancelTimer();
    session.blocked = null;
    session.reply(reply);
    if (this.serviceTime > 0) session.flush(); // what was behind the block waits for its turn
    this.#serve(session);
  }

  taken(element: string, args: readonly string[]): void {
    this.onTaken?.(element, args);
  }

  pushed(db: number, key: string): void {
    for (const session of this.sessions.values()) {
      const { blocked } = session;
      if (blocked === null || blocked.db !== db || !blocked.keys.includes(key)) continue;
      const taken = blocked.take(key);
      if (taken === undefined) return;
      this.unblock(session, taken);
    }
  }

  // --- connections ---

  #accept(link: Link): PeerListener {
    const session = new Session(this.#nextId++, link);
    if (this.sessions.size >= this.maxClients) {
      session.reply(MAX_CLIENTS);
      session.flush();
      link.end();
      session.isOpen = false;
    } else {
      this.sessions.set(session.id, session);
    }
    return {
      onBytes: (bytes) => {
        session.input.add(bytes);
        this.#serve(session);
      },
      onEnd: () => this.#forget(session),
    };
  }

  #forget(session: Session): void {
    session.isOpen = false;
    session.blocked?.cancelTimer();
    session.blocked = null;
    this.sessions.delete(session.id);
  }

  /** Runs what has come, until it blocks. */
  #serve(session: Session): void {
    if (this.serviceTime > 0) {
      this.#ready.add(session);
      this.#work();
      return;
    }
    for (let command = this.#next(session); command !== undefined; command = this.#next(session))
      this.#answer(command, session);
    session.flush();
  }

  /** The next command of a connection that may run now. */
  #next(session: Session): string[] | undefined {
    if (!session.isOpen || this.#paused || session.blocked !== null) return undefined;
    const command = session.postponed ?? session.input.next();
    if (command === undefined) return undefined;
    const holds = this.gate?.holds(command, session) === true;
    session.postponed = holds ? command : null;
    return holds ? undefined : command;
  }

  /** Takes its time for one command after the other; the replies of a connection go out together, at the end of its turn. */
  #work(): void {
    if (this.#workSince !== null) return;
    for (const session of this.#ready) {
      const command = this.#served < TURN ? this.#next(session) : undefined;
      if (command !== undefined) {
        this.#workOn(command, session);
        return;
      }
      session.flush();
      this.#ready.delete(session);
      if (this.#served === TURN) this.#ready.add(session); // behind the others: it may have more
      this.#served = 0;
    }
    this.#busySince = null;
  }

  #workOn(command: string[], session: Session): void {
    this.#workSince = this.#network.timeline.now();
    this.#busySince ??= this.#workSince;
    this.#served++;
    const done = (): void => {
      if (this.#paused) session.postponed = command;
      else if (session.isOpen) this.#answer(command, session);
      this.#worked = this.worked;
      this.#workSince = null;
      this.#work();
    };
    this.#network.timeline.after(this.serviceTime, done, false);
  }

  #answer(command: readonly string[], session: Session): void {
    const { answers } = session;
    const reply = this.#dispatch(command, session);
    // CLIENT REPLY takes effect with itself: OFF and SKIP are not answered, nor is what follows.
    if (answers === "skip" && session.answers === "skip") session.answers = "on";
    else if (reply !== undefined && answers === "on" && session.answers === "on") session.reply(reply);
    else if (reply !== undefined && session.answers === "on" && isReplyOn(command)) session.reply(reply);
  }

  #dispatch(command: readonly string[], session: Session): WireReply | undefined {
    const [word = "", ...args] = command;
    const name = word.toUpperCase();
    const answer = this.gate?.answer(name, args, session);
    if (answer !== undefined) {
      if (answer instanceof Failure) breakTransaction(name, session);
      return answer;
    }
    if (name === "MULTI" || name === "EXEC" || name === "DISCARD") return this.#transaction(name, session);
    if (!commands.has(name)) {
      session.queueBroken ||= session.queue !== null;
      return new Failure(`ERR unknown command '${word}', with args beginning with: `);
    }
    if (name === "RESET") return this.#execute(command, session);
    if (session.queue !== null) {
      if (this.refusal !== null && !isAlwaysAllowed(name)) {
        session.queueBroken = true;
        return new Failure(this.refusal);
      }
      if (name === "WATCH") return new Failure("ERR WATCH inside MULTI is not allowed");
      session.queue.push([...command]);
      return QUEUED;
    }
    if (session.protocol === 2 && session.subscriptions > 0 && !/^P?(UN)?SUBSCRIBE$|^PING$/.test(name)) {
      return new Failure(
        `ERR Can't execute '${word.toLowerCase()}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
      );
    }
    return this.#execute(command, session, args);
  }

  #transaction(name: "MULTI" | "EXEC" | "DISCARD", session: Session): WireReply {
    const { queue } = session;
    if (name === "MULTI") {
      if (queue !== null) return new Failure("ERR MULTI calls can not be nested");
      session.queue = [];
      session.queueBroken = false;
      return OK;
    }
    if (queue === null) return new Failure(`ERR ${name} without MULTI`);
    const dirty = isDirty(session, this);
    if (name === "EXEC" && this.refusal !== null && queue.some(([word = ""]) => !isAlwaysAllowed(word))) {
      session.queue = null;
      session.watched.clear();
      return new Failure(`EXECABORT Transaction discarded because of: ${this.refusal}`);
    }
    session.watched.clear();
    if (name === "DISCARD" || session.queueBroken || dirty) {
      session.queue = null;
      if (name === "DISCARD") return OK;
      return session.queueBroken ? new Failure("EXECABORT Transaction discarded because of previous errors.") : null;
    }
    const replies = queue.map((command) => this.#execute(command, session) ?? null);
    session.queue = null;
    return replies;
  }

  #execute(
    command: readonly string[],
    session: Session,
    args: readonly string[] = command.slice(1),
  ): WireReply | undefined {
    const name = (command[0] ?? "").toUpperCase();
    const run = commands.get(name);
    if (run === undefined) throw new Error(`${name} is in no table`);
    if (this.refusal !== null && !isAlwaysAllowed(name)) return new Failure(this.refusal);
    this.onExecute?.(command, session);
    try {
      return run(args, session, this);
    } catch (error) {
      if (!(error instanceof WrongTypeError)) throw error;
      return new Failure("WRONGTYPE Operation against a key holding the wrong kind of value");
    }
  }
}

/** A command that was refused spoils the MULTI that it stands in; a refused EXEC ends it. */
function breakTransaction(name: string, session: Session): void {
  if (session.queue === null) return;
  session.queueBroken = true;
  if (name !== "EXEC") return;
  session.queue = null;
  session.watched.clear();
}

/** What a server answers while it refuses to touch data. */
const SESSION_COMMANDS = new Set([
  "HELLO",
  "AUTH",
  "CLIENT",
  "RESET",
  "SELECT",
  "SUBSCRIBE",
  "UNSUBSCRIBE",
  "PSUBSCRIBE",
  "PUNSUBSCRIBE",
  "UNWATCH",
]);

function isAlwaysAllowed(name: string): boolean {
  return SESSION_COMMANDS.has(name.toUpperCase());
}

function isReplyOn(command: readonly string[]): boolean {
  return command[0]?.toUpperCase() === "CLIENT" && command[2]?.toUpperCase() === "ON";
}
