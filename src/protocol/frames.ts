import { ProtocolError, ServerError } from "../base/errors.ts";
import type { Reply, ReplyMap } from "./reply.ts";
import { fieldText } from "./text.ts";
import { ARRAY, ATTRIBUTE, MAP } from "./wire.ts";

const NO_ITEMS: Reply[] = [];
/** Up to this length an array's memory is taken at once instead of while it grows; more than that a server must send first. */
const AT_ONCE = 4096;
/** V8 takes room for this many with an array's first element. */
const FIRST_ROOM = 17;
/** Aggregates as names of fields do not occur in practice; their text is bounded so that it cannot be used to fill memory. */
const MAX_FIELD_TEXT = 1024 * 1024;

/**
 * An aggregate that is being read. The decoder keeps one per level of nesting and uses it again and again, so an
 * aggregate costs no object besides its value.
 */
export class Frame {
  /** The aggregate's type byte. */
  type: number = ARRAY;
  /** Elements that are still to come; a map's names and values count one each. */
  remaining = 0;
  /** Ends with `.` instead of after a number of elements; `remaining` is then what the limit leaves. */
  streamed = false;
  /** Where it begins, bytes from the first of the connection: for errors. */
  offset = 0;
  /** Whether strings around this aggregate are Buffers: a push has a rule of its own. */
  outerBuffers = false;
  items: Reply[] = NO_ITEMS;
  /** How many of the items have come. */
  count = 0;
  #map: ReplyMap | null = null;
  #field: string | null = null;

  open(type: number, remaining: number, streamed: boolean, offset: number, outerBuffers: boolean): void {
    this.type = type;
    this.offset = offset;
    this.remaining = remaining;
    this.streamed = streamed;
    this.outerBuffers = outerBuffers;
    if (type === MAP) this.#map = Object.create(null) as ReplyMap;
    else if (type !== ATTRIBUTE) this.items = streamed ? [] : roomFor(remaining);
    this.count = 0;
  }

  /** Takes the next element of anything but an array. */
  add(value: Reply): void {
    if (this.type === ATTRIBUTE) return;
    if (this.type !== MAP) {
      this.items[this.count++] = value;
    } else if (this.#field === null) {
      this.#field = typeof value === "string" ? value : fieldName(value);
    } else {
      (this.#map as ReplyMap)[this.#field] = value;
      this.#field = null;
    }
  }

  /** Whether a name waits for its value. */
  get halfPair(): boolean {
    return this.#field !== null;
  }

  /** The finished value; the frame lets go of it. */
  close(): Reply[] | ReplyMap {
    const value = this.#map ?? this.items;
    this.items = NO_ITEMS;
    this.#map = null;
    return value;
  }
}

/** An array to be filled from its beginning. Pairs and long arrays get the room they need: a fifth less CPU for LRANGE. */
function roomFor(length: number): Reply[] {
  if (length === 2) return [null, null];
  return length > FIRST_ROOM && length <= AT_ONCE ? new Array<Reply>(length) : [];
}

/** The name of a map's field, which may be of any type on the wire. */
function fieldName(value: Reply): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return String(value);
  if (Buffer.isBuffer(value)) return fieldText(value);
  if (value instanceof ServerError) return value.message;
  const parts = Array.isArray(value) ? value : Object.entries(value).flat();
  let text = "";
  for (const part of parts) {
    const name = fieldName(part);
    if (text.length + name.length >= MAX_FIELD_TEXT) {
      throw new ProtocolError(
        `expected a map's field name of at most ${MAX_FIELD_TEXT} characters, got a longer aggregate`,
      );
    }
    text += text === "" ? name : `,${name}`;
  }
  return Array.isArray(value) ? `[${text}]` : `{${text}}`;
}
