import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type CertificateSet, issueCertificates } from "./certificate.ts";
import { bindAddresses, certificateFiles, checkConfig, configText, type ServerConfig } from "./config.ts";
import { TestServerError } from "./errors.ts";
import { exchange, type Words } from "./exchange.ts";
import { findServer } from "./find.ts";
import { freePort } from "./ports.ts";
import { SupervisedProcess } from "./process.ts";

/** How to start a server; times in ms. */
export interface StartServerOptions {
  /** `localhost` or a loopback address; default `127.0.0.1`. */
  readonly host?: string;
  /** Default: a free one between 10000 and 32000, below the range of outgoing connections. */
  readonly port?: number;
  /** Password of the user `default`; default: none. */
  readonly password?: string;
  /** TLS on the port instead of plain TCP, with certificates made for this server; default false. */
  readonly tls?: boolean | TestTlsOptions;
  /** Where the unix socket is: a path, at most 100 bytes. The server always has one; by default (or `true`) in its own directory. */
  readonly unixSocket?: boolean | string;
  /** Further directives, as in `redis.conf`, such as `{ maxclients: 20, "maxmemory-policy": "allkeys-lru" }`. Default: nothing is persisted. */
  readonly config?: ServerConfig;
  /** How long the server may take until it answers PING; default 15000. */
  readonly startTimeout?: number;
}

/** How a server with TLS treats its clients. */
export interface TestTlsOptions {
  /** Whether a client has to show a certificate; default `optional`: one that is shown is verified. */
  readonly clientCertificate?: "required" | "optional" | "none";
  /** What the server's certificate is for; default `["localhost", "127.0.0.1", "::1"]`. */
  readonly names?: readonly string[];
}

/** What a client needs for TLS, PEM, in the form of `node:tls` options. */
export interface TestTls {
  /** Certificate of the authority that signed the server's. */
  readonly ca: string;
  /** A client's certificate that the server accepts. */
  readonly cert: string;
  readonly key: string;
}

/** A running server. */
export interface TestServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `redis://127.0.0.1:12345`, `rediss://` with TLS, with the password if there is one. */
  readonly url: string;
  /** The unix socket's path; never with TLS. */
  readonly path: string;
  readonly password: string | undefined;
  /** Only of a server with TLS. */
  readonly tls: TestTls | undefined;
  /** The server's process id; undefined while it does not run. */
  readonly pid: number | undefined;
  /** Ends the server for good, paused or not, and removes its directory. May be called more than once. */
  stop(): Promise<void>;
  /** Ends the server by SIGKILL, as in a crash; `restart()` brings it back. */
  kill(): Promise<void>;
  /**
   * Ends the server if it runs and starts it again: same host, port, path, password and certificates.
   *
   * @param options.keepData save the data before (SAVE) and load it afterwards; default false: the server comes back empty,
   *   unless `config` makes it persist
   */
  restart(options?: { readonly keepData?: boolean }): Promise<void>;
  /** Stops the server's process (SIGSTOP): connections stay open, nothing is answered. */
  pause(): void;
  /** Lets a paused server go on (SIGCONT). */
  resume(): void;
  /** What the server has logged since it was last started. */
  log(): Promise<string>;
}

const PORT_ATTEMPTS = 20;
const RESTART_PATIENCE = 5000;
// A socket's address holds about 104 bytes on macOS, 108 on Linux; a longer path would be cut, silently.
const LONGEST_PATH = 100;

/**
 * Starts a real Redis or Valkey server for a test, on loopback, in a directory of its own.
 *
 * It ends with this process at the latest, even if that is killed, and does not keep the event loop alive.
 *
 * @returns the server, when it answers PING; `await using` ends it
 * @throws TestServerError `ERR_SERVER_NOT_FOUND`, `ERR_SERVER_OPTIONS`, or `ERR_SERVER_START` with the last lines of its log
 * @see docs/testing.md
 */
export function startServer(options: StartServerOptions = {}): Promise<TestServer> {
  return launchServer(options);
}

/** What a server is beyond a plain one, such as a node of a cluster. */
export interface ServerRole {
  /** Further arguments of the program. */
  readonly arguments?: readonly string[];
  /** Further lines of the configuration file; asked for before each attempt, as they may name a port that is free. */
  readonly directives?: () => Promise<readonly string[]>;
  /** Certificates that it shares with others, instead of its own. */
  readonly certificates?: CertificateSet | undefined;
  /** What it is told after each start; a refusal does not matter. */
  readonly greeting?: readonly Words[];
}

/** `startServer`, for a server in a role. */
export async function launchServer(options: StartServerOptions, role: ServerRole = {}): Promise<RunningServer> {
  checkOptions(options);
  const binary = findServer();
  // Short names, for the unix socket's path has to fit, and macOS's temporary folder has a long one.
  const directory = join(tmpdir(), `respool-${randomBytes(6).toString("hex")}`);
  const command = [binary.path, join(directory, "server.conf"), ...(role.arguments ?? [])] as const;
  const process = await SupervisedProcess.open(directory, command);
  try {
    const server = new RunningServer(options, process, role);
    await server.launch();
    return server;
  } catch (error) {
    await process.close();
    throw error;
  }
}

/** The server that `startServer` returns. */
export class RunningServer implements TestServer {
  readonly host: string;
  readonly path: string;
  readonly password: string | undefined;
  readonly tls: TestTls | undefined;
  #port: number;
  #isPaused = false;
  #stopping: Promise<void> | undefined;
  readonly #options: StartServerOptions;
  readonly #role: ServerRole;
  readonly #process: SupervisedProcess;
  readonly #certificates: CertificateSet | undefined;

  constructor(options: StartServerOptions, process: SupervisedProcess, role: ServerRole) {
    this.#options = options;
    this.#role = role;
    this.#process = process;
    this.host = options.host ?? "127.0.0.1";
    this.#port = options.port ?? 0;
    this.password = options.password;
    this.path = typeof options.unixSocket === "string" ? options.unixSocket : join(process.directory, "s");
    checkPath(this.path);
    if (options.tls !== undefined && options.tls !== false) {
      this.#certificates = role.certificates ?? certificatesFor(options.tls);
      this.tls = { ca: this.#certificates.ca, ...this.#certificates.client };
    }
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Whether it runs and is not paused, so that a reply can be waited for. */
  get isAnswering(): boolean {
    return this.pid !== undefined && !this.#isPaused;
  }

  get url(): string {
    const user = this.password === undefined ? "" : `:${encodeURIComponent(this.password)}@`;
    const host = this.host.includes(":") ? `[${this.host}]` : this.host;
    return `${this.tls === undefined ? "redis" : "rediss"}://${user}${host}:${this.port}`;
  }

  /** @internal The first start: with a port of our own choice, another one as long as somebody else is faster. */
  async launch(): Promise<void> {
    await this.#writeFiles(this.#certificates === undefined ? {} : certificateFiles(this.#certificates));
    if (this.#options.port !== undefined) return this.#launchAt(this.#options.port);
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#launchAt(await freePort(this.host));
        return;
      } catch (error) {
        if (!isPortTaken(error) || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  stop(): Promise<void> {
    // A socket at a path of the user's choice is outside the directory that the process removes.
    this.#stopping ??= this.#process.close().then(() => rm(this.path, { force: true }));
    return this.#stopping;
  }

  async kill(): Promise<void> {
    this.#checkUsable("killed");
    await this.#process.stop("SIGKILL");
    this.#isPaused = false;
  }

  async restart(options: { readonly keepData?: boolean } = {}): Promise<void> {
    this.#checkUsable("restarted");
    if (options.keepData === true) await this.#save();
    await this.#process.stop();
    this.#isPaused = false;
    const dump = String(this.#options.config?.["dbfilename"] ?? "dump.rdb");
    if (options.keepData !== true && this.#isVolatile) await rm(join(this.#process.directory, dump), { force: true });
    const deadline = Date.now() + RESTART_PATIENCE;
    for (;;) {
      try {
        // With the file as it is: the server may have rewritten it (CONFIG REWRITE), and Sentinel keeps its state there.
        return await this.#run();
      } catch (error) {
        // Somebody else may hold the port for a moment, such as another test that looks for a free one.
        if (!isPortTaken(error) || Date.now() > deadline) throw error;
        await sleep(50);
      }
    }
  }

  pause(): void {
    this.#checkUsable("paused");
    this.#process.signal("SIGSTOP");
    this.#isPaused = true;
  }

  resume(): void {
    this.#checkUsable("resumed");
    this.#process.signal("SIGCONT");
    this.#isPaused = false;
  }

  log(): Promise<string> {
    return this.#process.log();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Whether the configuration leaves nothing on disk that a restart should find again. */
  get #isVolatile(): boolean {
    const { save = "", appendonly = "no" } = this.#options.config ?? {};
    return save === "" && appendonly === "no";
  }

  async #save(): Promise<void> {
    if (!this.#process.signal("SIGCONT")) return;
    const [reply] = await exchange(this, [["SAVE"]], 60_000);
    if (reply !== "OK")
      throw new TestServerError("ERR_SERVER_START", `the server did not save its data: ${String(reply)}`);
  }

  async #launchAt(port: number): Promise<void> {
    this.#port = port;
    const { tls, config = {} } = this.#options;
    const clientCertificate = (typeof tls === "object" ? tls.clientCertificate : undefined) ?? "optional";
    const text = configText({
      directory: this.#process.directory,
      host: this.host,
      port,
      unixSocket: this.path,
      password: this.password,
      clientCertificate: this.tls === undefined ? undefined : clientCertificate,
      directives: (await this.#role.directives?.()) ?? [],
      config,
    });
    await this.#writeFiles({ "server.conf": text });
    await this.#run();
  }

  async #run(): Promise<void> {
    await this.#process.start();
    await this.#untilReady();
  }

  async #untilReady(): Promise<void> {
    const limit = this.#options.startTimeout ?? 15_000;
    const deadline = Date.now() + limit;
    let reply = "nothing";
    while (this.#process.state === "running" && Date.now() < deadline) {
      // By the unix socket, in a directory of our own: on the port another server might answer, and the server opens
      // its ports before the socket.
      const replies = await exchange(this, [["PING"], ...(this.#role.greeting ?? [])], 1000).catch((error: unknown) => [
        error,
      ]);
      if (replies[0] === "PONG") return;
      reply = String(replies[0]);
      await sleep(5);
    }
    const ended = this.#process.state !== "running";
    const status = this.#process.exitStatus;
    if (!ended) await this.#process.stop("SIGKILL");
    const why = ended ? `ended at once, with status ${status}` : `did not answer PING within ${limit} ms, but ${reply}`;
    throw await this.#startFailure(why);
  }

  async #startFailure(why: string): Promise<TestServerError> {
    const log = await this.log();
    const lines = log
      .split("\n")
      .filter((line) => line.trim() !== "")
      .slice(-12);
    const remedy = /Address already in use/.test(log)
      ? `port ${this.port} is in use, leave \`port\` out to get a free one`
      : this.tls !== undefined && /'tls-|TLS/.test(log)
        ? "it may be built without TLS"
        : "its last lines:";
    return new TestServerError("ERR_SERVER_START", `${findServer().path} ${why}: ${remedy}`, lines);
  }

  async #writeFiles(files: Record<string, string>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(this.#process.directory, name), text, { mode: 0o600 });
    }
  }

  #checkUsable(done: string): void {
    if (this.#stopping === undefined) return;
    throw new TestServerError("ERR_SERVER_STOPPED", `a server that was stopped cannot be ${done}: start another`);
  }
}

/** Certificates of an authority of their own, for the names that `tls` gives. */
export function certificatesFor(tls: true | TestTlsOptions): CertificateSet {
  return issueCertificates((tls === true ? undefined : tls.names) ?? ["localhost", "127.0.0.1", "::1"]);
}

function isPortTaken(error: unknown): boolean {
  return error instanceof TestServerError && error.log.some((line) => line.includes("Address already in use"));
}

function checkOptions(options: StartServerOptions): void {
  const { port, password, config = {} } = options;
  const refuse = (message: string): never => {
    throw new TestServerError("ERR_SERVER_OPTIONS", message);
  };
  bindAddresses(options.host ?? "127.0.0.1");
  checkConfig(config);
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
    refuse(`port should be a whole number from 1 to 65535, got ${port}`);
  }
  if (password === "") refuse("password should not be empty: leave it out for none");
  if (process.platform === "win32") refuse("test servers need Linux or macOS: on Windows use them within WSL");
}

function checkPath(path: string): void {
  if (Buffer.byteLength(path) <= LONGEST_PATH) return;
  throw new TestServerError("ERR_SERVER_OPTIONS", `unixSocket should have at most ${LONGEST_PATH} bytes, got ${path}`);
}
