import {
  ConnectError,
  ConnectionLostError,
  ProtocolError,
  type ConnectErrorCode,
  type RedisError,
  type ServerError,
} from "../base/errors.ts";
import type { ResolvedOptions } from "../base/options.ts";

interface Diagnosis {
  readonly code: ConnectErrorCode;
  readonly permanent: boolean;
  readonly what: string;
}

/** What the system's own error codes mean. */
const SYSTEM: Readonly<Record<string, Diagnosis>> = {
  ECONNREFUSED: {
    code: "ERR_CONNECT_REFUSED",
    permanent: false,
    what: "connection refused: is the server running there?",
  },
  ENOENT: {
    code: "ERR_CONNECT_REFUSED",
    permanent: false,
    what: "no such unix socket: is the server running, with this `unixsocket`?",
  },
  EACCES: {
    code: "ERR_CONNECT_REFUSED",
    permanent: true,
    what: "no permission: check `unixsocketperm` and the user of this process",
  },
  ENOTFOUND: { code: "ERR_CONNECT_DNS", permanent: true, what: "the host name is not known: check `host`" },
  EAI_AGAIN: { code: "ERR_CONNECT_DNS", permanent: false, what: "the name server does not answer" },
  ETIMEDOUT: {
    code: "ERR_CONNECT_TIMEOUT",
    permanent: false,
    what: "the host does not answer: check `host`, `port` and the firewall",
  },
  EMFILE: {
    code: "ERR_CONNECT",
    permanent: false,
    what: "no file descriptor left: raise `ulimit -n` or lower maxConnections",
  },
};

// Chain failures that a retry cannot mend; the words are OpenSSL's, as Node passes them on.
const UNTRUSTED =
  /CERT|SELF_SIGNED|ISSUER|ALTNAME|UNABLE_TO_VERIFY|HOSTNAME_MISMATCH|PURPOSE|INVALID_CA|PATH_LENGTH|CRL/;
const HANDSHAKE = /^(ERR_SSL|ERR_TLS|EPROTO)/;
const SPEAKS_TLS = "does this port speak TLS, and does it want a client certificate (tls.cert, tls.key)?";

function codeOf(error: Error | null): string {
  if (error === null || !("code" in error)) return "";
  return String(error.code);
}

function diagnose(error: Error | null, options: ResolvedOptions): Diagnosis {
  const code = codeOf(error);
  const known = SYSTEM[code];
  if (known !== undefined) return known;
  const encrypted = options.tls !== null;
  // An alert comes from the server: then it is this client's certificate that was not accepted.
  if (encrypted && UNTRUSTED.test(code) && !code.includes("ALERT")) {
    const remedy = "give its authority as tls.ca, and the name it is made for as host or tls.servername";
    return { code: "ERR_CONNECT_TLS", permanent: true, what: `the certificate is not trusted (${code}): ${remedy}` };
  }
  if (encrypted && HANDSHAKE.test(code)) {
    return { code: "ERR_CONNECT_TLS", permanent: true, what: `the TLS handshake failed (${code}): ${SPEAKS_TLS}` };
  }
  const ended = error === null || code === "ECONNRESET";
  const what = ended ? "the server closed the connection before it was ready" : code === "" ? error.message : code;
  return {
    code: "ERR_CONNECT",
    permanent: false,
    what: `${what}: ${encrypted ? SPEAKS_TLS : "check port, and set tls if it speaks TLS"}`,
  };
}

/** Makes the ConnectError for what the socket reported (null: closed without an error). */
export function connectErrorFrom(error: Error | null, options: ResolvedOptions): ConnectError {
  const { code, permanent, what } = diagnose(error, options);
  const cause = error === null ? {} : { cause: error };
  return new ConnectError(code, `cannot connect to ${options.node}: ${what}`, permanent, {
    node: options.node,
    ...cause,
  });
}

/** Makes the ConnectError for an error reply to a step of the handshake. */
export function handshakeErrorFrom(step: string, reply: ServerError, options: ResolvedOptions): ConnectError {
  const facts = { node: options.node, cause: reply, command: step };
  const at = `cannot connect to ${options.node}: `;
  const text = reply.message;
  if (/max number of clients/.test(text)) {
    return new ConnectError(
      "ERR_CONNECT_MAX_CLIENTS",
      `${at}the server has as many clients as its \`maxclients\` allows: raise it, or lower maxConnections`,
      false,
      facts,
    );
  }
  if (reply.code === "LOADING") {
    return new ConnectError("ERR_CONNECT_LOADING", `${at}the server is loading its data`, false, facts);
  }
  if (reply.code === "NOAUTH" && options.credentials === null) {
    const message = `${at}the server wants a password and none was given: set password, or credentials()`;
    return new ConnectError("ERR_CONNECT_AUTH", message, true, facts);
  }
  if (reply.code === "NOPERM") {
    const message = `${at}the user has no right to ${step}: grant it with ACL SETUSER, or use another user`;
    return new ConnectError("ERR_CONNECT_AUTH", message, true, facts);
  }
  if (/^WRONGPASS|^NOAUTH|invalid password|without any password/.test(text)) {
    const message = `${at}${step} was refused (${reply.code}): check username, password or credentials()`;
    return new ConnectError("ERR_CONNECT_AUTH", message, true, facts);
  }
  if (step === "SELECT") {
    return new ConnectError(
      "ERR_CONNECT_HANDSHAKE",
      `${at}database ${options.db} cannot be selected (${text}): check db`,
      true,
      facts,
    );
  }
  return new ConnectError("ERR_CONNECT_HANDSHAKE", `${at}${step} was refused (${text})`, true, facts);
}

/** How far connecting has come. */
export type ConnectStep = "credentials() has not settled" | "no connection" | "no reply to the handshake";

const REMEDIES: Readonly<Record<ConnectStep, (options: ResolvedOptions) => string>> = {
  "credentials() has not settled": () => "let it settle sooner",
  "no connection": ({ tls }) =>
    tls === null
      ? "check host, port and firewall"
      : "check host, port and firewall, and that this port speaks TLS (else unset tls)",
  "no reply to the handshake": () => "the server is busy or paused, or what listens there is no Redis server",
};

/** Makes the ConnectError for a handshake that was not through within `connectTimeout`. */
export function connectTimeout(step: ConnectStep, options: ResolvedOptions): ConnectError {
  const remedy = REMEDIES[step](options);
  const message = `cannot connect to ${options.node} within ${options.connectTimeout} ms (${step}): ${remedy}, or raise connectTimeout`;
  return new ConnectError("ERR_CONNECT_TIMEOUT", message, false, { node: options.node });
}

function notRedis(cause: ProtocolError, options: ResolvedOptions): ConnectError {
  const message = `cannot connect to ${options.node}: what answers there is not a Redis server: ${cause.message}`;
  return new ConnectError("ERR_CONNECT_HANDSHAKE", message, true, { node: options.node, cause });
}

/** Brings anything that can go wrong while connecting to a ConnectError. */
export function toConnectError(error: unknown, options: ResolvedOptions): ConnectError {
  if (error instanceof ConnectError) return error;
  const cause = error as RedisError;
  if (cause instanceof ConnectionLostError) {
    if (cause.cause instanceof ProtocolError) return notRedis(cause.cause, options);
    // With TLS 1.3 a server refuses a client's certificate only after the client has called the handshake done.
    if (cause.reason === "lost") return connectErrorFrom(cause.cause instanceof Error ? cause.cause : null, options);
  }
  return new ConnectError("ERR_CONNECT", `cannot connect to ${options.node}: ${cause.message}`, false, {
    node: options.node,
    cause,
  });
}
