/** Where something went wrong. */
export interface CacheErrorPlace {
  readonly namespace: string;
  /** The entry's id; null where it is none in particular. */
  readonly id: string | null;
}

/** Tells of what went wrong and did not reach a caller; `key` is the entry's, where it is one in particular. */
export type Report = (error: unknown, key?: string) => void;
