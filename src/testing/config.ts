import { isIP } from "node:net";
import { join } from "node:path";
import type { CertificateSet } from "./certificate.ts";
import { TestServerError } from "./errors.ts";

/** Directives of `redis.conf`; a list repeats the directive, once for each of its values. */
export type ServerConfig = Readonly<Record<string, string | number | readonly string[]>>;

/** What a server's configuration file is made from. */
export interface ConfigParts {
  readonly directory: string;
  readonly host: string;
  readonly port: number;
  readonly unixSocket: string;
  readonly password: string | undefined;
  /** Whether clients have to, may or need not show a certificate; undefined: no TLS. */
  readonly clientCertificate: "required" | "optional" | "none" | undefined;
  /** Whole lines, before those of `config`. */
  readonly directives: readonly string[];
  readonly config: ServerConfig;
}

// What startServer decides itself, and the option to use instead.
const RESERVED: Readonly<Record<string, string>> = {
  bind: "host",
  port: "port",
  "tls-port": "port and tls",
  "tls-auth-clients": "tls.clientCertificate",
  unixsocket: "unixSocket",
  requirepass: "password",
  dir: "none: it has a directory of its own",
  logfile: "none: the log is shown when the start fails",
  daemonize: "none: it runs under a supervisor",
};

/** File names of the certificates in the server's directory. */
export const CERTIFICATE_FILES = {
  ca: "ca.crt",
  cert: "server.crt",
  key: "server.key",
  clientCert: "client.crt",
  clientKey: "client.key",
} as const;

/** Refuses what would start something else than was asked for. */
export function checkConfig(config: ServerConfig): void {
  for (const [name, value] of Object.entries(config)) {
    const instead = RESERVED[name.toLowerCase()];
    if (instead !== undefined)
      throw refused(`config["${name}"] is set by startServer itself; option to use: ${instead}`);
    if (!/^[A-Za-z0-9-]+$/.test(name))
      throw refused(`config should have directive names such as maxmemory, got "${name}"`);
    for (const one of typeof value === "object" ? value : [value]) {
      if (typeof one === "number" ? !Number.isFinite(one) : typeof one !== "string" || /[\r\n\0]/.test(one)) {
        throw refused(
          `config["${name}"] should be a number or text on one line, as in redis.conf, got ${JSON.stringify(one)}`,
        );
      }
    }
  }
}

/** The addresses to bind; only loopback, for a test server has no business on a network. */
export function bindAddresses(host: string): string {
  if (host === "localhost") return "127.0.0.1 -::1"; // "-": the machine may lack IPv6
  if (host === "::1" || (isIP(host) === 4 && host.startsWith("127."))) return host;
  throw refused(`host should be localhost or a loopback address, got "${host}"`);
}

/** The text of the configuration file. */
export function configText(parts: ConfigParts): string {
  const secure = parts.clientCertificate !== undefined;
  const lines = [
    `bind ${bindAddresses(parts.host)}`,
    `port ${secure ? 0 : parts.port}`,
    `unixsocket ${quote(parts.unixSocket)}`,
    `dir ${quote(parts.directory)}`,
    "daemonize no",
  ];
  if (parts.password !== undefined) lines.push(`requirepass ${quote(parts.password)}`);
  if (secure) {
    const authClients = { required: "yes", optional: "optional", none: "no" }[parts.clientCertificate];
    lines.push(
      `tls-port ${parts.port}`,
      `tls-auth-clients ${authClients}`,
      `tls-ca-cert-file ${quote(join(parts.directory, CERTIFICATE_FILES.ca))}`,
      `tls-cert-file ${quote(join(parts.directory, CERTIFICATE_FILES.cert))}`,
      `tls-key-file ${quote(join(parts.directory, CERTIFICATE_FILES.key))}`,
    );
  }
  lines.push(...parts.directives);
  for (const [name, value] of Object.entries({ save: "", appendonly: "no", ...parts.config })) {
    for (const one of typeof value === "object" ? value : [value]) lines.push(`${name} ${one === "" ? '""' : one}`);
  }
  return `${lines.join("\n")}\n`;
}

/** The certificates' files: name → text. */
export function certificateFiles(certificates: CertificateSet): Record<string, string> {
  return {
    [CERTIFICATE_FILES.ca]: certificates.ca,
    [CERTIFICATE_FILES.cert]: certificates.server.cert,
    [CERTIFICATE_FILES.key]: certificates.server.key,
    [CERTIFICATE_FILES.clientCert]: certificates.client.cert,
    [CERTIFICATE_FILES.clientKey]: certificates.client.key,
  };
}

/** Text as the configuration file takes it, whatever characters it has. */
export function quote(text: string): string {
  const escaped = Buffer.from(text)
    .toString("latin1")
    .replace(/[\0-\x1f"\\\x7f-\xff]/g, (char) => {
      return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
    });
  return `"${escaped}"`;
}

function refused(message: string): TestServerError {
  return new TestServerError("ERR_SERVER_OPTIONS", message);
}
