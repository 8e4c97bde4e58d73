import { encodeCommand } from "../protocol/encoder.ts";
import { tokenName } from "./grammar.ts";
import { NOT_BLOCKING, Request } from "./request.ts";
import type { Arg } from "./spec.ts";
import { allCommands, type Command } from "./table.ts";


/** Whatever has the command methods: it decides what a call returns. */
export interface Dispatcher {
  dispatch(request: Request): unknown;
  refuse(error: unknown): unknown;
}

type Method = (this: Dispatcher, ...given: unknown[]) => unknown;

/**
 * Gives a class the methods of all commands and the namespaces of all containers.
 * A member that the class defines by itself is left alone.
 */
export function attachCommands(prototype: Dispatcher): void {
  const containers = new Map<string, Command[]>();
  const plain = new Map<string, Method>();
  for (const command of allCommands()) {
    if (!command.hasMethod) continue;
    const [name, sub] = command.name.split(" ") as [string, string | undefined];
    if (sub === undefined) plain.set(name, methodOf(command));
    else containers.set(name, [...(containers.get(name) ?? []), command]);
  }
  for (const [name, method] of plain) {
    if (!containers.has(name)) define(prototype, tokenName(name), { value: method, writable: true });
  }
  for (const [name, commands] of containers) {
    define(prototype, tokenName(name), { get: namespaceOf(commands, plain.get(name) ?? null) });
  }
}

function define(target: object, name: string, descriptor: PropertyDescriptor): void {
  if (Object.hasOwn(target, name)) return;
  Object.defineProperty(target, name, { configurable: true, enumerable: false, ...descriptor });
}

/** The getter of a container's commands: bound to the instance, made at the first use and kept as long as it. */
function namespaceOf(commands: readonly Command[], callable: Method | null): (this: Dispatcher) => object {
  const members: PropertyDescriptorMap = {};
  for (const command of commands) {
    const name = tokenName(command.name.split(" ")[1] as string);
    members[name] = { value: methodOf(command), writable: true, configurable: true };
  }
  const prototype = Object.create(callable === null ? null : Function.prototype, members) as object;
  const spaces = new WeakMap<Dispatcher, object>();
  return function (this: Dispatcher): object {
    let space = spaces.get(this);
    if (space === undefined) {
      space = bindNamespace(this, prototype, callable);
      spaces.set(this, space);
    }
    return space;
  };
}

function bindNamespace(owner: Dispatcher, prototype: object, callable: Method | null): object {
  const space: object = callable === null ? {} : (...given: unknown[]): unknown => callable.apply(owner, given);
  Object.setPrototypeOf(space, prototype);
  const bound: Dispatcher = {
    dispatch: (request) => owner.dispatch(request),
    refuse: (error) => owner.refuse(error),
  };
  Object.defineProperty(space, "dispatch", { value: bound.dispatch });
  Object.defineProperty(space, "refuse", { value: bound.refuse });
  return space;
}

/** The method of one command: a quick one where its arguments are single values, with the general one behind it. */
function methodOf(command: Command): Method {
  const general = generalMethod(command);
  if (command.blocks !== null) return general;
  switch (command.quick) {
    case 0:
      return quick0(command, general);
    case 1:
      return quick1(command, general);
    case 2:
      return quick2(command, general);
    case 3:
      return quick3(command, general);
    case 4:
      return quick4(command, general);
    default:
      return general;
  }
}

function generalMethod(command: Command): Method {
  return function (this: Dispatcher, ...given: unknown[]): unknown {
    let request: Request;
    try {
      request = command.build(given);
    } catch (error) {
      return this.refuse(error);
    }
    return this.dispatch(request);
  };
}

function build(command: Command, args: Arg[]): Request {
  const payload = encodeCommand(command.name, command.head, command.headLength, args);
  return new Request(command, args, payload, command.transform, command.route, NOT_BLOCKING, null, 1);
}

function isPlain(value: unknown): value is string | number {
  return typeof value === "string" || (typeof value === "number" && value === value);
}

// The quick methods: no rest arguments, no grammar, one array literal. They take strings
// and numbers, which the encoder never refuses; everything else, and another number of arguments, goes the general way. scripts/build-benchmark.mjs measures the difference.

function quick0(command: Command, general: Method): Method {
  return function (this: Dispatcher): unknown {
    if (arguments.length !== 0) return general.apply(this, arguments as unknown as unknown[]);
    return this.dispatch(build(command, []));
  };
}

function quick1(command: Command, general: Method): Method {
  return function (this: Dispatcher, a?: unknown): unknown {
    if (arguments.length !== 1 || !isPlain(a)) {
      return general.apply(this, arguments as unknown as unknown[]);
    }
    return this.dispatch(build(command, [a]));
  };
}

function quick2(command: Command, general: Method): Method {
  return function (this: Dispatcher, a?: unknown, b?: unknown): unknown {
    if (arguments.length !== 2 || !isPlain(a) || !isPlain(b)) {
      return general.apply(this, arguments as unknown as unknown[]);
    }
    return this.dispatch(build(command, [a, b]));
  };
}

function quick3(command: Command, general: Method): Method {
  return function (this: Dispatcher, a?: unknown, b?: unknown, c?: unknown): unknown {
    if (arguments.length !== 3 || !isPlain(a) || !isPlain(b) || !isPlain(c)) {
      return general.apply(this, arguments as unknown as unknown[]);
    }
    return this.dispatch(build(command, [a, b, c]));
  };
}

function quick4(command: Command, general: Method): Method {
  return function (this: Dispatcher, a?: unknown, b?: unknown, c?: unknown, d?: unknown): unknown {
    if (arguments.length !== 4 || !isPlain(a) || !isPlain(b) || !isPlain(c) || !isPlain(d)) {
      return general.apply(this, arguments as unknown as unknown[]);
    }
    return this.dispatch(build(command, [a, b, c, d]));
  };
}
