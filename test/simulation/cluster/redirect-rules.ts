import type { SimulatedNode } from "respool/testing";
import { slotOf } from "../../../src/commands/slot.ts";
import { tokenIn } from "../stage.ts";
import type { ClusterPlayer } from "./player.ts";

/** A command with one key is sent on so often while the cluster only does what it was asked to: where it is, and where that leads. */
const FEW_REDIRECTS = 6;
/** And so often where nodes name each other for a slot: some at once, then with pauses. */
const MANY_REDIRECTS = 60;
/** After all nodes know of a change, a look that began before may still bring old news for so long, ms. */
const OLD_NEWS = 120;
/** Commands that were on their way when a redirect came are sent on, too, ms. */
const ON_THEIR_WAY = 60;
/** Two looks are this far apart, ms; some less, for questions take their way. */
const LOOKS_APART = 450;
const SINGLE = new Set(["SET", "RPUSH", "GET"]);

/** What the redirects of the nodes, and the questions that they are asked, tell of the client. */
export class RedirectRules {
  readonly #player: ClusterPlayer;
  readonly #byToken = new Map<string, number>();
  /** By node and slot: when a MOVED was given that should have been the last one. */
  readonly #learnt = new Map<string, number>();
  readonly #asked = new Map<SimulatedNode, number>();

  constructor(player: ClusterPlayer) {
    this.#player = player;
  }

  answered(answer: string, node: SimulatedNode, command: readonly string[]): void {
    const [name = "", key = ""] = command;
    if (name === "CLUSTER") this.#question(node);
    if (!/^(MOVED|ASK) /.test(answer)) return;
    const token = tokenIn(command);
    // Inside a MULTI, TRYAGAIN sends them round for as long as the slot is on its way.
    if (token?.endsWith("s") === true && SINGLE.has(name)) this.#count(token, answer);
    if (answer.startsWith("MOVED") && SINGLE.has(name) && !key.startsWith("tx:")) this.#again(node, key);
  }

  #question(node: SimulatedNode): void {
    const { plan, stage, scanning, scannedAt } = this.#player;
    const before = this.#asked.get(node) ?? -Infinity;
    this.#asked.set(node, stage.now);
    const isCalm = plan.mood === "planned" && scanning === 0 && scannedAt < before;
    // The periodic ones come up to a fifth earlier than asked for.
    const { refreshInterval = 60_000 } = plan.options;
    const apart = refreshInterval === 0 ? LOOKS_APART : Math.min(LOOKS_APART, refreshInterval * 0.8 - 5);
    if (isCalm && stage.now - before < apart)
      stage.ledger.violate(
        "looks at the cluster are apart",
        `${node.id} was asked twice within ${(stage.now - before).toFixed(1)} ms`,
      );
  }

  #count(token: string, answer: string): void {
    const { plan, stage } = this.#player;
    const count = (this.#byToken.get(token) ?? 0) + 1;
    this.#byToken.set(token, count);
    const limit = plan.mood === "planned" ? FEW_REDIRECTS : MANY_REDIRECTS;
    stage.tell(`     ${token}: ${answer}`);
    if (count === limit + 1)
      stage.ledger.violate("redirects come to an end", `${token} was redirected ${count} times, latest ${answer}`);
  }

  /** A node that has sent a slot's command on is not asked for that slot again. */
  #again(node: SimulatedNode, key: string): void {
    const { plan, stage, cluster } = this.#player;
    if (plan.mood !== "planned" || stage.now < cluster.changedAt + cluster.spread + OLD_NEWS) return;
    const name = `${node.id} ${slotOf(key)}`;
    const before = this.#learnt.get(name);
    if (before === undefined || before < cluster.changedAt) this.#learnt.set(name, stage.now);
    else if (stage.now > before + ON_THEIR_WAY)
      stage.ledger.violate(
        "a redirect is learnt",
        `${node.id} was asked for ${key} again ${(stage.now - before).toFixed(1)} ms after it had sent its slot on`,
      );
  }
}
