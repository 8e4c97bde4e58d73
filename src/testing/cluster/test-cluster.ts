import type { TestServer, TestTls } from "../server.ts";
import type { SlotMove } from "./slot-move.ts";

/** A node of a cluster. Its role changes, so it is asked for: `cluster.primaries()`, `cluster.replicas()`. */
export interface ClusterNode extends TestServer {
  /** The cluster's name for it, 40 hexadecimal digits. */
  readonly id: string;
}

/** A running cluster. */
export interface TestCluster extends AsyncDisposable {
  /** Those that belong to it, dead or alive; at first the primaries in the order of their slots, then their replicas. */
  readonly nodes: readonly ClusterNode[];
  /** The nodes' URLs. */
  readonly urls: readonly string[];
  readonly password: string | undefined;
  /** Only with TLS; the same for every node. */
  readonly tls: TestTls | undefined;
  /** The nodes that say of themselves that they are primaries; those that are killed or paused say nothing. */
  primaries(): Promise<ClusterNode[]>;
  /** The nodes that say of themselves that they are replicas, of `primary` if it is given. */
  replicas(primary?: ClusterNode): Promise<ClusterNode[]>;
  /** The node that says of itself that it is the slot's primary; of two, the one that was elected later. */
  primaryOf(slot: number): Promise<ClusterNode>;
  /**
   * Makes a replica the primary: CLUSTER FAILOVER, or CLUSTER FAILOVER FORCE, which works without the old primary.
   * Resolves when every node that answers knows it.
   */
  failover(replica: ClusterNode, mode?: "graceful" | "force"): Promise<void>;
  /** Makes a replica the primary without a vote: CLUSTER FAILOVER TAKEOVER, which works without a majority. */
  takeover(replica: ClusterNode): Promise<void>;
  /**
   * Moves slots from one primary to another, step by step; nothing happens before its first step.
   *
   * @param slots one slot, or the first and the last of a range
   */
  moveSlots(slots: number | readonly [first: number, last: number], from: ClusterNode, to: ClusterNode): SlotMove;
  /** Starts a node and lets it join, as a primary without slots or as a replica; resolves when the cluster is settled. */
  addNode(options?: { readonly replicaOf?: ClusterNode }): Promise<ClusterNode>;
  /**
   * Lets all other nodes forget one that has neither slots nor replicas: CLUSTER FORGET. It runs on until `stop()`,
   * and is not told.
   */
  forget(node: ClusterNode): Promise<void>;
  /** Ends a node by SIGKILL. */
  kill(node: ClusterNode): Promise<void>;
  /** Stops a node's process (SIGSTOP): connections stay open, nothing is answered. */
  pause(node: ClusterNode): void;
  /** Lets a paused node go on (SIGCONT). */
  resume(node: ClusterNode): void;
  /** Ends a node if it runs and starts it again: it is the same node at the same address, and its data are lost unless they are persisted. */
  restart(node: ClusterNode): Promise<void>;
  /**
   * Resolves when the nodes that answer say cluster_state:ok, agree on each other's roles and slots, have no slot at a
   * node that does not answer, and replicas follow their primaries.
   *
   * @param timeout in ms, default 30000
   */
  settled(timeout?: number): Promise<void>;
  /** Ends all nodes, those that were forgotten too. May be called more than once. */
  stop(): Promise<void>;
}
