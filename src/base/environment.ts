import type { Clock } from "./clock.ts";
import type { Dialler, Endpoint } from "./transport.ts";

/** Time, chance and network of a client: the process's own, or simulated ones, which `respool/testing` has. */
export interface Environment {
  readonly clock: Clock;
  /** The way to one server. */
  dialler(endpoint: Endpoint): Dialler;
}
