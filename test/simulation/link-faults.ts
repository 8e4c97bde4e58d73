import type { Link } from "respool/testing";
import { USUAL_LATENCY, type Dice, type Stage } from "./stage.ts";

type LinkFaultMaker = (stage: Stage, links: readonly Link[], dice: Dice) => (() => void) | void;

export type LinkFault = "reset" | "finish" | "blackhole" | "dead" | "deaf" | "mute" | "slow" | "splits";

const hold =
  (direction: "toServer" | "toClient" | "both"): LinkFaultMaker =>
  (stage, links) => {
    for (const link of links) link.hold(direction, true);
    return () => {
      for (const link of links) if (!stage.dead.has(link)) link.hold(direction, false);
    };
  };

/** What happens to the links and the weather; the function that it returns heals it. */
export const LINK_FAULTS: Readonly<Record<LinkFault, LinkFaultMaker>> = {
  reset: (_stage, links) => {
    for (const link of links) link.cut("reset");
  },
  finish: (_stage, links) => {
    for (const link of links) link.cut("end");
  },
  blackhole: hold("both"),
  dead: ({ dead }, links) => {
    for (const link of links) {
      link.hold("both", true);
      dead.add(link);
    }
  },
  deaf: hold("toServer"),
  mute: hold("toClient"),
  slow: ({ slowness, world: { network } }, _links, [share = 0]) => {
    const latency = 200 * share;
    slowness.push(latency);
    network.weather.latency = [0, latency];
    return () => {
      slowness.splice(slowness.indexOf(latency), 1);
      const left = slowness.at(-1);
      network.weather.latency = left === undefined ? USUAL_LATENCY : [0, left];
    };
  },
  splits: ({ world: { network } }) => {
    network.weather.splits = true;
    return () => {
      network.weather.splits = false;
    };
  },
};

export function isLinkFault(kind: string): kind is LinkFault {
  return kind in LINK_FAULTS;
}
