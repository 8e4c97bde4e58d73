/** A server's name or address, and its TCP port. */
export interface TcpEndpoint {
  readonly host: string;
  readonly port: number;
}

/** Where a server listens. */
export type Endpoint = TcpEndpoint | { readonly path: string };

/**
 * What goes out in one write. A string holds one byte per character (latin1), so a batch of commands is one string and one socket
 * write; large arguments stand between strings by reference.
 */
export type Payload = string | readonly (string | Buffer)[];

/** A byte stream to one server, the only thing that a connection knows of the network: TCP, TLS, a unix socket, a simulation. */
export interface Transport {
  /** Sends bytes. Returns false when more is to wait for `onDrain`. */
  write(data: Payload): boolean;
  /** Ends the stream at once. `onClose` follows. */
  destroy(): void;
}

/** What a transport tells its one listener. */
export interface TransportListener {
  /** Bytes came: the first `length` of `chunk`, which is overwritten after the call. */
  onData(chunk: Buffer, length: number): void;
  onDrain(): void;
  /** The stream is over; called once. `error` is null when the other side ended it in good order. */
  onClose(error: Error | null): void;
}

/** Opens transports to one server. */
export interface Dialler {
  /** Rejects with an error that says why: a ConnectError, or one with the system's code, such as ECONNREFUSED. */
  dial(listener: TransportListener, signal: AbortSignal): Promise<Transport>;
}
