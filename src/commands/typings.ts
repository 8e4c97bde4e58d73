import type { Arg } from "./spec.ts";

/** A number, or its text such as `"-inf"` or `"(5"`. */
export type Numeric = number | string;

/** One value or several. */
export type Many<T> = T | readonly T[];

/** A repeating last argument: values, or one array. */
export type Rest<T> = readonly T[] | readonly [readonly T[]];

/** Pairs: an object (whose keys are strings), a Map, or an array of pairs. */
export type Pairs<A, B> = Readonly<Record<string, B>> | ReadonlyMap<A, B> | readonly (readonly [A, B])[];

/**
 * What the methods return: a family has `result`, made out of `this["reply"]`.
 *
 * @example interface PromiseFamily extends Family { readonly result: Promise<this["reply"]> }
 */
export interface Family {
  readonly reply: unknown;
  readonly result: unknown;
}

/** What a method of the family returns for a reply of type R. */
export type Out<F extends Family, R> = (F & { readonly reply: R })["result"];

/** The family of plain calls. */
export interface PromiseFamily extends Family {
  readonly result: Promise<this["reply"]>;
}

/** No options. */
export type None = Record<never, never>;

/** Refuses names that the options do not have; a type parameter alone would take them. */
export type Only<O, Options> = O & { readonly [K in keyof O]: K extends KeysOf<Options> ? unknown : never };

type KeysOf<T> = T extends unknown ? keyof T : never;

/** Yes when the option is given, No when it is not or false, both when it cannot be told. */
type Given<V, Yes, No> = V extends false | undefined ? No : Yes;

/** The reply when one of these options is given, or else. */
export type When<O, K extends string, Yes, No> = [Extract<keyof O, K>] extends [never]
  ? No
  : Given<O[Extract<keyof O, K>], Yes, No>;

/** The same where the option's bare value may stand in place of the options object. */
export type WhenBare<O, K extends string, Yes, No> = O extends Arg ? Yes : When<O, K, Yes, No>;

/** A stream's entry. */
export interface StreamEntry<S> {
  readonly id: S;
  readonly fields: Record<string, S>;
}

/** An entry that may have been deleted while it was pending. */
export interface PendingEntry<S> {
  readonly id: S;
  readonly fields: Record<string, S> | null;
}

/** A member with what was asked for: `WITHDIST`, `WITHHASH`, `WITHCOORD`. */
export type GeoMatch<S, O> = { readonly member: S } & When<O, "withdist", { readonly dist: S }, unknown> &
  When<O, "withhash", { readonly hash: number }, unknown> &
  When<O, "withcoord", { readonly coord: [longitude: number, latitude: number] }, unknown>;
