/** What the server said about itself in the handshake. */
export interface ServerInfo {
  /** CLIENT ID of the connection; 0 where the server does not tell. */
  readonly id: number;
  /** `7.0.15`, or an empty string. */
  readonly version: string;
  readonly protocol: 2 | 3;
  /** The availability zone that the server says it is in; empty where it does not tell. */
  readonly zone: string;
  /** `master` or `replica`, as it was at the handshake; empty where the server does not tell. */
  readonly role: string;
}

/** What is known of a server that tells nothing. */
export const NOTHING_KNOWN: ServerInfo = { id: 0, version: "", protocol: 2, zone: "", role: "" };
