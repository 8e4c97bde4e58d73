import { OptionsError } from "../../index.ts";
import type { Codec } from "../codec.ts";
import { CacheValueError } from "../errors.ts";
import { peer } from "../peer.ts";
import { findDifference } from "./difference.ts";

/** A message type of `protobufjs`, as its generated code and `root.lookupType` have it. */
export interface ProtobufJsType {
  encode(message: never): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}

/** A message's schema of `@bufbuild/protobuf`, as its generated code has it: `UserSchema`. */
export interface BufbuildSchema {
  readonly kind: "message";
  readonly typeName: string;
}

/** How Protocol Buffers are written. */
export interface ProtobufOptions {
  /**
   * Reads each value again before it is stored, and refuses one that has come out otherwise: a field that the schema does not know, a number
   * that does not fit. It costs as much as reading the value; without it such a loss goes unseen. Default true.
   */
  readonly verify?: boolean | undefined;
  /** The package `@bufbuild/protobuf`, where it cannot be found by its name, as in a bundle. */
  readonly library?: Bufbuild | undefined;
}

/** What is used of the package `@bufbuild/protobuf`. */
export interface Bufbuild {
  create(schema: unknown, value: unknown): unknown;
  toBinary(schema: unknown, message: unknown): Uint8Array;
  fromBinary(schema: unknown, bytes: Uint8Array): unknown;
}

/** One message type, of whichever library. */
interface MessageType {
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

/**
 * Protocol Buffers, by a schema of `@bufbuild/protobuf` or a message type of `protobufjs`. Say of which messages: `protobuf<User>(UserSchema)`.
 *
 * @throws OptionsError for what is neither, or when the package of a schema cannot be found
 */
export function protobuf<T>(type: ProtobufJsType | BufbuildSchema, options: ProtobufOptions = {}): Codec<T> {
  const message = messageType(type, options);
  const { verify = true } = options;
  return {
    id: "protobuf",
    encode(value) {
      let bytes: Uint8Array;
      let read: unknown;
      try {
        bytes = message.encode(value);
        read = verify ? message.decode(bytes) : value;
      } catch (error) {
        throw new CacheValueError("protobuf", "$", error instanceof Error ? error.message : String(error), error);
      }
      const difference = verify ? findDifference(value, read) : null;
      if (difference !== null) throw new CacheValueError("protobuf", difference.path, difference.what);
      return bytes;
    },
    decode: (bytes) => message.decode(bytes) as T,
  };
}

function messageType(type: unknown, options: ProtobufOptions): MessageType {
  if (isProtobufJs(type))
    return { encode: (value) => type.encode(value as never).finish(), decode: (bytes) => type.decode(bytes) };
  if (isSchema(type)) {
    const library = options.library ?? peer<Bufbuild>("@bufbuild/protobuf", "the codec protobuf, with a schema,");
    return {
      encode: (value) => library.toBinary(type, isMessage(value) ? value : library.create(type, value)),
      decode: (bytes) => library.fromBinary(type, bytes),
    };
  }
  throw new OptionsError(
    "protobuf",
    `protobuf: expected a message type of protobufjs (with encode and decode) or a schema of @bufbuild/protobuf, got ${typeof type}`,
  );
}

function isProtobufJs(type: unknown): type is ProtobufJsType {
  if ((typeof type !== "object" && typeof type !== "function") || type === null) return false;
  const { encode, decode } = type as { encode?: unknown; decode?: unknown };
  return typeof encode === "function" && typeof decode === "function";
}

function isSchema(type: unknown): boolean {
  if (typeof type !== "object" || type === null) return false;
  const { kind, typeName } = type as { kind?: unknown; typeName?: unknown };
  return kind === "message" && typeof typeName === "string";
}

function isMessage(value: unknown): boolean {
  return typeof value === "object" && value !== null && "$typeName" in value;
}
