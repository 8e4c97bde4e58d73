import type { CertificateSet } from "../certificate.ts";
import {
  addressOf,
  checkWhole,
  disagreed,
  peerDirectives,
  sharedCertificates,
  startAll,
  tell,
  untilNothing,
} from "../group.ts";
import {
  launchServer,
  type RunningServer,
  type ServerRole,
  type StartServerOptions,
  type TestServer,
  type TestTls,
} from "../server.ts";
import { checkSentinelOptions, HASTE, sentinelDirectives, type StartSentinelsOptions } from "./options.ts";
import {
  lookAtRole,
  lookAtSentinel,
  majorityOf,
  notAgreed,
  notSettled,
  type RoleView,
  type SentinelView,
  notInStep,
} from "./view.ts";

/** A running primary with its replicas, watched by sentinels. */
export interface TestSentinels extends AsyncDisposable {
  /** What the sentinels call the primary. */
  readonly name: string;
  /** The sentinels, dead or alive. */
  readonly sentinels: readonly TestServer[];
  /** The servers that they watch, dead or alive; at first the primary, then its replicas. */
  readonly servers: readonly TestServer[];
  /** Password of the primary and the replicas. */
  readonly password: string | undefined;
  readonly sentinelPassword: string | undefined;
  /** Only with TLS; the same for all. */
  readonly tls: TestTls | undefined;
  /** The server that most of the sentinels that answer name, and that says of itself (ROLE) that it is the primary. */
  primary(): Promise<TestServer>;
  /** The servers that say of themselves (ROLE) that they are replicas; those that are killed or paused say nothing. */
  replicas(): Promise<TestServer[]>;
  /**
   * Makes a replica the primary: SENTINEL FAILOVER. Resolves when every sentinel that answers names the new primary,
   * and it says so itself. The old one takes writes, which are lost, until the sentinels make it a replica some
   * seconds later: `settled()`.
   */
  failover(): Promise<void>;
  /**
   * Resolves when the sentinels that answer agree on a primary that says so itself, know of no trouble with it, and
   * all other servers that answer follow it, and have what it has.
   *
   * @param timeout in ms, default 30000
   */
  settled(timeout?: number): Promise<void>;
  /** Ends all of them. May be called more than once. */
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";
const PATIENCE = 30_000;

/**
 * Starts a real primary, its replicas and sentinels for a test, on loopback.
 *
 * They end with this process at the latest, even if that is killed, and do not keep the event loop alive.
 *
 * @returns them, when they are settled: about 1 s; `await using` ends them
 * @throws TestServerError `ERR_SERVER_NOT_FOUND`, `ERR_SERVER_OPTIONS`, `ERR_SERVER_START`, or `ERR_SERVER_TOPOLOGY` when
 *   they do not come together in time
 * @see docs/testing.md
 */
export async function startSentinels(options: StartSentinelsOptions = {}): Promise<TestSentinels> {
  checkSentinelOptions(options);
  const setup = new RunningSentinels(options);
  try {
    await setup.form();
    return setup;
  } catch (error) {
    await setup.stop();
    throw error;
  }
}

class RunningSentinels implements TestSentinels {
  #servers: RunningServer[] = [];
  #sentinels: RunningServer[] = [];
  readonly #processes: RunningServer[] = [];
  readonly #options: StartSentinelsOptions;
  readonly #certificates: CertificateSet | undefined;

  constructor(options: StartSentinelsOptions) {
    this.#options = options;
    this.#certificates = sharedCertificates(options.tls);
  }

  get name(): string {
    return this.#options.name ?? "mymaster";
  }

  get sentinels(): readonly RunningServer[] {
    return this.#sentinels;
  }

  get servers(): readonly RunningServer[] {
    return this.#servers;
  }

  get password(): string | undefined {
    return this.#options.password;
  }

  get sentinelPassword(): string | undefined {
    return this.#options.sentinelPassword;
  }

  get tls(): TestTls | undefined {
    return this.#servers[0]?.tls;
  }

  /** @internal Starts the primary, its replicas, and when these follow it, the sentinels. */
  async form(): Promise<void> {
    const { replicas = 1, sentinels = 3, startTimeout = PATIENCE } = this.#options;
    const primary = await this.#startServer([]);
    this.#servers = [primary];
    const origin = [`replicaof ${primary.host} ${primary.port}`];
    this.#servers.push(...(await startAll(Array.from({ length: replicas }, () => this.#startServer(origin)))));
    // A sentinel that finds a replica without its primary looks at it again only later.
    await untilNothing(
      async () => {
        const behind = (await this.#roles()).find((role) => role.server !== primary && role.follows === undefined);
        if (behind !== undefined) return `${addressOf(behind.server)} does not follow its primary yet`;
        return await notInStep(primary, replicas);
      },
      { timeout: startTimeout, what: "replicating" },
    );
    this.#sentinels = await startAll(Array.from({ length: sentinels }, () => this.#startSentinel(primary)));
    await this.settled(startTimeout);
  }

  async primary(): Promise<RunningServer> {
    const [views, roles] = await Promise.all([this.#views(), this.#roles()]);
    const address = majorityOf(views);
    const role = roles.find(({ server }) => addressOf(server) === address);
    if (role?.isPrimary === true) return role.server;
    const state = role === undefined ? "does not answer" : "says that it is a replica";
    throw disagreed(`the sentinels name ${address}, which ${state}: wait for settled()`);
  }

  async replicas(): Promise<RunningServer[]> {
    return (await this.#roles()).filter((role) => !role.isPrimary).map((role) => role.server);
  }

  async failover(): Promise<void> {
    const old = majorityOf(await this.#views());
    await untilNothing(
      async () => {
        const [views, roles] = await Promise.all([this.#views(), this.#roles()]);
        const [first] = views;
        if (first === undefined) return "no sentinel answers";
        if (views.some((view) => view.primary !== old)) return notAgreed(views, roles);
        if (!first.flags.includes("failover_in_progress")) {
          // It is refused while the sentinel does not know a replica that is good enough.
          await tell(first.sentinel, [["SENTINEL", "FAILOVER", this.name]]);
        }
        return `${old} is the primary still`;
      },
      { timeout: PATIENCE, what: "the failover" },
    );
  }

  async settled(timeout: number = PATIENCE): Promise<void> {
    checkWhole("timeout", timeout, 0);
    const counts = { sentinels: this.#sentinels.length, servers: this.#servers.length };
    await untilNothing(
      async () => {
        const [views, roles] = await Promise.all([this.#views(), this.#roles()]);
        const trouble = notAgreed(views, roles) ?? notSettled(views, roles, counts);
        const primary = roles.find(({ isPrimary, server }) => isPrimary && addressOf(server) === views[0]?.primary);
        return trouble ?? (primary && (await notInStep(primary.server, roles.length - 1)));
      },
      { timeout, what: "settling" },
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((server) => server.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #views(): Promise<SentinelView[]> {
    const alive = this.#sentinels.filter((sentinel) => sentinel.isAnswering);
    return Promise.all(alive.map((sentinel) => lookAtSentinel(sentinel, this.name)));
  }

  #roles(): Promise<RoleView[]> {
    return Promise.all(this.#servers.filter((server) => server.isAnswering).map(lookAtRole));
  }

  #startServer(directives: readonly string[]): Promise<RunningServer> {
    const { password, config } = this.#options;
    const lines = [...directives, ...peerDirectives(password, this.#certificates)];
    return this.#launch(lines, { ...this.#common(password), config: { "repl-diskless-sync-delay": 0, ...config } });
  }

  #startSentinel(primary: RunningServer): Promise<RunningServer> {
    const lines = [...peerDirectives(undefined, this.#certificates), ...sentinelDirectives(this.#options, primary)];
    return this.#launch(lines, this.#common(this.sentinelPassword), { arguments: ["--sentinel"], greeting: [HASTE] });
  }

  async #launch(lines: readonly string[], options: StartServerOptions, role: ServerRole = {}): Promise<RunningServer> {
    const directives = (): Promise<readonly string[]> => Promise.resolve(lines);
    const server = await launchServer(options, { ...role, directives, certificates: this.#certificates });
    this.#processes.push(server);
    return server;
  }

  #common(password: string | undefined): StartServerOptions {
    const { tls, startTimeout } = this.#options;
    return {
      host: HOST,
      ...(password === undefined ? {} : { password }),
      ...(tls === undefined ? {} : { tls }),
      ...(startTimeout === undefined ? {} : { startTimeout }),
    };
  }
}
