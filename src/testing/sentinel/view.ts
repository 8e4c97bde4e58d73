import type { Reply } from "../exchange.ts";
import { addressOf, disagreed, tell } from "../group.ts";
import type { RunningServer } from "../server.ts";

/** A replica acknowledges what it has once a second, ms. */
const STEP_TIMEOUT = 1100;

/** What one sentinel knows. */
export interface SentinelView {
  readonly sentinel: RunningServer;
  /** The primary's address, `host:port`. */
  readonly primary: string;
  /** `master`, and what is the matter with it, such as `s_down` or `failover_in_progress`. */
  readonly flags: string;
  readonly otherSentinels: number;
  /** Of the replicas: address → flags. */
  readonly replicas: ReadonlyMap<string, string>;
}

/** What one server says of itself. */
export interface RoleView {
  readonly server: RunningServer;
  readonly isPrimary: boolean;
  /** Of a replica: its primary's address, once it follows it. */
  readonly follows: string | undefined;
}

export async function lookAtSentinel(sentinel: RunningServer, name: string): Promise<SentinelView> {
  const [primary, replicas] = await tell(sentinel, [
    ["SENTINEL", "MASTER", name],
    ["SENTINEL", "REPLICAS", name],
  ]);
  const fields = fieldsOf(primary);
  const known = (replicas as readonly Reply[]).map(fieldsOf);
  return {
    sentinel,
    primary: `${fields.get("ip")}:${fields.get("port")}`,
    flags: fields.get("flags") ?? "",
    otherSentinels: Number(fields.get("num-other-sentinels")),
    replicas: new Map(known.map((one) => [`${one.get("ip")}:${one.get("port")}`, one.get("flags") ?? ""])),
  };
}

export async function lookAtRole(server: RunningServer): Promise<RoleView> {
  const [reply] = await tell(server, [["ROLE"]]);
  const [role, host, port, state] = (reply as readonly Reply[]).map(String);
  const isPrimary = role === "master";
  return { server, isPrimary, follows: !isPrimary && state === "connected" ? `${host}:${port}` : undefined };
}

/**
 * What keeps a primary from having its replicas in step. One that calls itself connected gets nothing of what is written before its
 * first acknowledgement, up to a second later: promoted until then, it would have lost it.
 */
export async function notInStep(primary: RunningServer, replicas: number): Promise<string | undefined> {
  // A message goes to the replicas, and is nobody's data.
  const [, count] = await tell(primary, [
    ["PUBLISH", "respool:in-step", ""],
    ["WAIT", replicas, STEP_TIMEOUT],
  ]);
  return Number(count) >= replicas
    ? undefined
    : `${addressOf(primary)} has ${String(count)} of ${replicas} replica(s) in step`;
}

function fieldsOf(reply: Reply | undefined): Map<string, string> {
  const words = (reply as readonly Reply[]).map(String);
  const pairs = words.flatMap((word, at): [string, string][] => (at % 2 === 0 ? [[word, words[at + 1] ?? ""]] : []));
  return new Map(pairs);
}

/**
 * The address that more than half of these sentinels give.
 *
 * @throws TestServerError `ERR_SERVER_TOPOLOGY` when there is none
 */
export function majorityOf(views: readonly SentinelView[]): string {
  const counts = new Map<string, number>();
  for (const { primary } of views) counts.set(primary, (counts.get(primary) ?? 0) + 1);
  const [address] = [...counts].find(([, count]) => count > views.length / 2) ?? [];
  if (address === undefined) throw disagreed("most of the sentinels name no one primary: wait for settled()");
  return address;
}

/** What keeps these sentinels from naming one primary that says so itself. */
export function notAgreed(views: readonly SentinelView[], roles: readonly RoleView[]): string | undefined {
  const [first] = views;
  if (first === undefined) return "no sentinel answers";
  const other = views.find((view) => view.primary !== first.primary);
  if (other !== undefined)
    return `${addressOf(first.sentinel)} says ${first.primary}, ${addressOf(other.sentinel)} says ${other.primary}`;
  const primary = roles.find(({ server }) => addressOf(server) === first.primary);
  if (primary === undefined) return `the primary ${first.primary} does not answer`;
  return primary.isPrimary ? undefined : `the primary ${first.primary} says that it is a replica`;
}

/** What else keeps these from being settled, out of `sentinels` and `servers` in all. */
export function notSettled(
  views: readonly SentinelView[],
  roles: readonly RoleView[],
  counts: { readonly sentinels: number; readonly servers: number },
): string | undefined {
  for (const { sentinel, primary, flags, otherSentinels, replicas } of views) {
    const address = addressOf(sentinel);
    if (flags !== "master") return `${address} has ${primary} as ${flags}`;
    if (otherSentinels !== counts.sentinels - 1) return `${address} knows ${otherSentinels} other sentinels`;
    if (replicas.size !== counts.servers - 1) return `${address} knows ${replicas.size} replicas`;
    for (const { server, follows } of roles) {
      const own = addressOf(server);
      if (own === primary) continue;
      if (follows !== primary) return `${own} does not follow ${primary} yet`;
      if (replicas.get(own) !== "slave") return `${address} has ${own} as ${replicas.get(own) ?? "unknown"}`;
    }
  }
  return undefined;
}
