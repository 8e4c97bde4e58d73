import { channel } from "node:diagnostics_channel";

/**
 * The events that the library publishes, one channel per life-cycle event. A channel without a subscriber costs one
 * property read. No message holds an argument's value. docs/observability.md lists them with their fields.
 */
export const events: Readonly<Record<EventName, ReturnType<typeof channel>>> = {
  connectionOpened: channel("respool:connection:opened"),
  connectionClosed: channel("respool:connection:closed"),
  connectionFailed: channel("respool:connection:failed"),
  connectionRestored: channel("respool:connection:restored"),
  commandRetried: channel("respool:command:retried"),
  leaseLeaked: channel("respool:lease:leaked"),
  subscriptionGap: channel("respool:subscription:gap"),
  topologyChanged: channel("respool:topology:changed"),
};

/** The names of the channels, without their prefix. */
export type EventName =
  | "connectionOpened"
  | "connectionClosed"
  | "connectionFailed"
  | "connectionRestored"
  | "commandRetried"
  | "leaseLeaked"
  | "subscriptionGap"
  | "topologyChanged";
