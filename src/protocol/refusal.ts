import { ProtocolError } from "../base/errors.ts";
import { byteName, MAP } from "./wire.ts";

// What is said when bytes are refused: what was expected, the byte or the type that came, and where. Never more of
// what came than one byte, because it may be a value.

export function refuse(message: string, offset: number): never {
  throw new ProtocolError(`${message} (byte ${offset} of the connection)`);
}

/** A line does not hold what its type byte asks for. */
export function refuseLine(expected: string, type: number, offset: number): never {
  refuse(`expected ${expected} behind the type byte ${byteName(type)}, got something else`, offset);
}

export function refuseLength(type: number, limit: number, offset: number): never {
  const most = `${limit} ${type === MAP ? "pairs" : "elements"}`;
  refuse(`expected an aggregate of at most ${most}, got a longer one`, offset);
}

export function refuseLineEnd(byte: number, offset: number): never {
  refuse(`expected CR LF at the end of a line, got ${byteName(byte)} out of place`, offset);
}

export function refuseBodyEnd(byte: number, offset: number): never {
  refuse(`expected CR LF behind a string of the announced length, got ${byteName(byte)}`, offset);
}

export function refusePart(byte: number, offset: number): never {
  refuse(`expected the next part of a streamed string, got ${byteName(byte)}`, offset);
}

/** The byte begins no element. At the first byte of a connection the other side is probably no Redis server at all. */
export function refuseFirstByte(byte: number, offset: number): never {
  let remedy = "";
  if (offset === 0) remedy = ": is this the port of a Redis server, and does it expect plain connections?";
  // How a TLS alert or handshake record begins.
  if (offset === 0 && (byte === 0x15 || byte === 0x16)) remedy = ": the port speaks TLS, set the option tls";
  refuse(`expected the type byte of a RESP element, got ${byteName(byte)}${remedy}`, offset);
}
