import { inspect } from "node:util";

/** Lets `console.log` show a class by its stats: never by its options, for they hold secrets. */
export function showStats(prototype: { stats(): object }): void {
  Object.defineProperty(prototype, inspect.custom, {
    configurable: true,
    value(this: { stats(): object }): string {
      return `${this.constructor.name} ${inspect(this.stats(), { depth: 3 })}`;
    },
  });
}
