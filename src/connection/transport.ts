import type { Payload } from "../protocol/encoder.ts";

/**
 * A byte stream to one server, the only thing that a connection knows of the network. Made by `socket.ts` (TCP, TLS, unix
 * socket); a simulation makes its own.
 */
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

/** Opens a transport. Rejects with a ConnectError. */
export interface Dialler {
  dial(listener: TransportListener, signal: AbortSignal): Promise<Transport>;
}
