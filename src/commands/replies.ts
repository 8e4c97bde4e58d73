import { ProtocolError, ServerError } from "../base/errors.ts";
import { assert } from "../base/assert.ts";
import { fieldText } from "../protocol/text.ts";
import type { Reply } from "../protocol/reply.ts";
import { parseShape, type Shape, type ShapeField } from "./shapes.ts";
import type { ReplyTransform } from "./spec.ts";

/** A value of a map whose prototype is null, so that a field called `__proto__` is data. */
type NullMap = Record<string, unknown>;

/** A step of a transform; null where the reply stays as it is. */
type Step = ReplyTransform | null;

/** Makes the transforms of one command; the errors that they throw bear its name. */
export class ReplyCompiler {
  readonly #command: string;
  readonly #types: ReadonlyMap<string, string>;
  readonly #made: Map<string, ReplyTransform> = new Map();

  /** @param types the named forms, by their name */
  constructor(command: string, types: ReadonlyMap<string, string>) {
    this.#command = command;
    this.#types = types;
  }

  /** @returns the transform, or null when any value may come and RESP2 and RESP3 give the right one by themselves */
  compile(text: string): Step {
    const shape = parseShape(text);
    return this.#step(shape) ?? this.#check(shape.kind === "nullable" ? shape.of : shape);
  }

  /** Where the reply stays as it is, only its kind is looked at. Null is let through, for old servers give it more freely. */
  #check(shape: Shape): Step {
    if (shape.kind === "list") return this.#anyList;
    if (shape.kind !== "name") return null;
    if (shape.name === "string") return this.#anyString;
    return shape.name === "int" ? this.#anyInteger : null;
  }

  readonly #anyString: ReplyTransform = (reply) => {
    if (typeof reply === "string" || reply === null || reply instanceof Uint8Array) return reply;
    return this.#wrong("a string", reply);
  };

  readonly #anyInteger: ReplyTransform = (reply) => {
    if (typeof reply === "number" || typeof reply === "bigint" || reply === null) return reply;
    return this.#wrong("an integer", reply);
  };

  readonly #anyList: ReplyTransform = (reply) => {
    if (reply === null || Array.isArray(reply)) return reply;
    return this.#wrong("an array", reply);
  };

  #step(shape: Shape): Step {
    switch (shape.kind) {
      case "name":
        return this.#named(shape.name);
      case "literal":
        return this.#text;
      case "nullable":
        return nullable(this.#step(shape.of));
      case "list":
        return this.#list(this.#step(shape.of));
      case "tuple":
        return this.#tuple(shape.items, shape.rest);
      case "record":
        return this.#record(shape.fields);
      case "map":
        return this.#map(this.#step(shape.of));
      case "pairs":
        return this.#pairs(this.#step(shape.key), this.#step(shape.value));
      case "first":
        return this.#first(this.#step(shape.key), this.#step(shape.value));
      case "union":
        return this.#union(shape.of);
    }
  }

  /** Tuples whose first word tells which one it is. */
  #union(of: readonly Shape[]): Step {
    const steps = new Map<string, Step>();
    for (const one of of) {
      const first = one.kind === "tuple" ? one.items[0] : undefined;
      assert(first?.kind === "literal", "a union of replies is told by the first word of tuples");
      steps.set(first.text, this.#step(one));
    }
    return (reply) => {
      const word = Array.isArray(reply) && reply.length > 0 ? this.#text(reply[0] as Reply) : null;
      return steps.get(word as string)?.(reply) ?? reply;
    };
  }

  #named(name: string): Step {
    switch (name) {
      case "string":
      case "int":
      case "any":
        return null;
      case "number":
        return this.#number;
      case "text":
        return this.#text;
      case "entry":
      case "pendingEntry":
        return this.#entry;
      case "geo":
        return this.#geo;
      case "stat":
        return this.#stat;
      default:
        return this.#type(name);
    }
  }

  /** A named form is made at its first use, since it may hold itself. */
  #type(name: string): ReplyTransform {
    return (reply) => {
      let made = this.#made.get(name);
      if (made === undefined) {
        const text = this.#types.get(name);
        assert(text !== undefined, `no reply type ${name}`);
        made = this.compile(text) ?? identity;
        this.#made.set(name, made);
      }
      return made(reply);
    };
  }

  /** RESP3 has doubles, RESP2 sends them as text. */
  readonly #number: ReplyTransform = (reply) => {
    if (typeof reply === "number") return reply;
    const text = reply instanceof Uint8Array ? fieldText(reply) : reply;
    if (typeof text !== "string") return this.#wrong("a number", reply);
    const number = parseDouble(text);
    return Number.isNaN(number) && !/^-?nan$/i.test(text) ? this.#wrong("a number", reply) : number;
  };

  /** Status words and cursors are strings for readers of Buffers too. */
  readonly #text: ReplyTransform = (reply) => {
    if (typeof reply === "string") return reply;
    return reply instanceof Uint8Array ? fieldText(reply) : this.#wrong("a string", reply);
  };

  readonly #entry: ReplyTransform = (reply) => {
    if (!Array.isArray(reply)) return this.#wrong("a stream entry", reply);
    const fields = reply[1] ?? null;
    return { id: reply[0], fields: fields === null ? null : this.#toMap(fields, null) };
  };

  /** What was asked for tells itself: the distance is text, the hash an integer, the position a pair. */
  readonly #geo: ReplyTransform = (reply) => {
    if (!Array.isArray(reply)) return this.#wrong("an array", reply);
    const match: NullMap = { member: reply[0] };
    for (let index = 1; index < reply.length; index++) {
      const fact = reply[index] as Reply;
      if (Array.isArray(fact)) {
        match["coord"] = [this.#number(fact[0] as Reply), this.#number(fact[1] as Reply)];
      } else {
        match[typeof fact === "number" || typeof fact === "bigint" ? "hash" : "dist"] = fact;
      }
    }
    return match;
  };

  /** A figure, or the figures of one database. */
  readonly #stat: ReplyTransform = (reply) => {
    if (reply === null || typeof reply !== "object" || reply instanceof Uint8Array) return this.#number(reply);
    return this.#toMap(reply, this.#number);
  };

  #list(of: Step): Step {
    if (of === null) return null;
    return (reply) => {
      if (!Array.isArray(reply)) return this.#wrong("an array", reply);
      return reply.map((item) => of(item));
    };
  }

  #tuple(items: readonly Shape[], rest: Shape | null): Step {
    const steps = items.map((item) => this.#step(item));
    const others = rest === null ? null : this.#step(rest);
    if (others === null && steps.every((step) => step === null)) return null;
    return (reply) => {
      if (!Array.isArray(reply)) return this.#wrong("an array", reply);
      return reply.map((item, index) => {
        const step = index < steps.length ? (steps[index] as Step) : others;
        return step === null ? item : step(item);
      });
    };
  }

  #map(of: Step): ReplyTransform {
    return (reply) => this.#toMap(reply, of);
  }

  #record(fields: readonly ShapeField[]): ReplyTransform {
    const steps = new Map<string, ReplyTransform>();
    for (const { name, shape } of fields) {
      const step = this.#step(shape);
      if (step !== null) steps.set(name, step);
    }
    return (reply) => {
      const record = this.#toMap(reply, null);
      for (const [name, step] of steps) {
        if (record[name] !== undefined) record[name] = step(record[name] as Reply);
      }
      return record;
    };
  }

  /** RESP3 sends a map, which nobody else has; RESP2 its keys and values in one flat array, or pairs in an array. */
  #toMap(reply: Reply, of: Step): NullMap {
    if (Array.isArray(reply)) return this.#mapOfPairs(reply, of);
    if (!isMap(reply)) return this.#wrong("a map", reply);
    if (of !== null) for (const key of Object.keys(reply)) reply[key] = of(reply[key] as Reply) as Reply;
    return reply;
  }

  #mapOfPairs(reply: Reply[], of: Step): NullMap {
    const map = Object.create(null) as NullMap;
    const nested = this.#areNested(reply);
    for (let index = 0; index < reply.length; index += nested ? 1 : 2) {
      const key = nested ? (reply[index] as Reply[])[0] : reply[index];
      const value = (nested ? (reply[index] as Reply[])[1] : reply[index + 1]) as Reply;
      map[keyText(key as Reply)] = of === null ? value : of(value);
    }
    return map;
  }

  /** RESP3 nests what RESP2 sends flat; some commands nest in both. */
  #pairs(key: Step, value: Step): ReplyTransform {
    return (reply) => {
      if (!Array.isArray(reply)) return this.#wrong("an array of pairs", reply);
      if (this.#areNested(reply)) {
        // In place: the reply is nobody else's.
        for (const pair of reply as Reply[][]) {
          if (key !== null) pair[0] = key(pair[0] as Reply) as Reply;
          if (value !== null) pair[1] = value(pair[1] as Reply) as Reply;
        }
        return reply;
      }
      const pairs: [unknown, unknown][] = [];
      for (let index = 0; index < reply.length; index += 2) {
        const first = reply[index] as Reply;
        const second = reply[index + 1] as Reply;
        pairs.push([key === null ? first : key(first), value === null ? second : value(second)]);
      }
      return pairs;
    };
  }

  /** Whether each pair is an array of its own; else they are flat. */
  #areNested(reply: Reply[]): boolean {
    if (!Array.isArray(reply[0])) {
      if (reply.length % 2 !== 0) this.#wrong("pairs", reply);
      return false;
    }
    for (const pair of reply) if (!Array.isArray(pair) || pair.length < 2) this.#wrong("pairs", reply);
    return true;
  }

  #first(key: Step, value: Step): ReplyTransform {
    const pairs = this.#pairs(key, value);
    return (reply) => (reply === null ? null : ((pairs(reply) as unknown[])[0] ?? null));
  }

  #wrong(expected: string, reply: Reply): never {
    const command = this.#command;
    const message = `${command}: expected ${expected} as its reply, got ${kindOfReply(reply)}: is this a Redis server, or a proxy that changes replies? call() gives the reply as it is`;
    throw new ProtocolError(message, { command });
  }
}

function identity(reply: Reply): Reply {
  return reply;
}

function nullable(of: Step): Step {
  return of === null ? null : (reply) => (reply === null ? null : of(reply));
}

function parseDouble(text: string): number {
  if (text === "inf" || text === "+inf") return Infinity;
  return text === "-inf" ? -Infinity : Number(text);
}

function keyText(key: Reply): string {
  return key instanceof Uint8Array ? fieldText(key) : String(key);
}

function isMap(reply: Reply): reply is Record<string, Reply> {
  return (
    typeof reply === "object" && reply !== null && !(reply instanceof Uint8Array) && !(reply instanceof ServerError)
  );
}

function kindOfReply(reply: Reply): string {
  if (reply === null) return "null";
  if (Array.isArray(reply)) return "an array";
  if (typeof reply === "string" || reply instanceof Uint8Array) return "a string";
  if (typeof reply === "bigint" || typeof reply === "number") return "a number";
  if (typeof reply === "boolean") return "a boolean";
  return reply instanceof ServerError ? "an error" : "a map";
}
