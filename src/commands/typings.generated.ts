// Generated from facts.txt by scripts/generate-commands.ts: do not edit.

import type { Reply } from "../protocol/reply.ts";
import type { Arg } from "./spec.ts";
import type {
  Family,
  GeoMatch,
  Many,
  None,
  Numeric,
  Only,
  Out,
  Pairs,
  PendingEntry,
  PromiseFamily,
  Rest,
  StreamEntry,
  When,
  WhenBare,
} from "./typings.ts";

/** Part of a reply; docs/commands.md tells of which. */
export interface AclSelector<S> {
  readonly commands: S;
  readonly keys: S;
  readonly channels: S;
}

/** Part of a reply; docs/commands.md tells of which. */
export interface AclUser<S> {
  readonly flags: S[];
  readonly passwords: S[];
  readonly commands: S;
  readonly keys: S;
  readonly channels: S;
  readonly selectors: AclSelector<S>[];
}

/** Part of a reply; docs/commands.md tells of which. */
export interface AclLogEntry<S> {
  readonly count: number;
  readonly reason: S;
  readonly context: S;
  readonly object: S;
  readonly username: S;
  readonly "age-seconds": number;
  readonly "client-info": S;
  readonly "entry-id": number;
  readonly "timestamp-created": number;
  readonly "timestamp-last-updated": number;
}

/** Part of a reply; docs/commands.md tells of which. */
export interface ClusterLink<S> {
  readonly direction: S;
  readonly node: S;
  readonly "create-time": number;
  readonly events: S;
  readonly "send-buffer-allocated": number;
  readonly "send-buffer-used": number;
}

/** Part of a reply; docs/commands.md tells of which. */
export interface ClusterNode<S> {
  readonly id: S;
  readonly port?: number;
  readonly "tls-port"?: number;
  readonly ip: S;
  readonly endpoint: S;
  readonly hostname?: S;
  readonly role: S;
  readonly "replication-offset": number;
  readonly health: S;
}

/** Part of a reply; docs/commands.md tells of which. */
export interface ClusterShard<S> {
  readonly slots: number[];
  readonly nodes: ClusterNode<S>[];
}

/** Part of a reply; docs/commands.md tells of which. */
export type ClusterSlotNode<S> = [S | null, number, S, Record<string, S>];

/** Part of a reply; docs/commands.md tells of which. */
export interface CommandArgument<S> {
  readonly name: S;
  readonly type: S;
  readonly display_text?: S;
  readonly key_spec_index?: number;
  readonly token?: S;
  readonly since?: S;
  readonly deprecated_since?: S;
  readonly flags?: S[];
  readonly arguments?: CommandArgument<S>[];
}

/** Part of a reply; docs/commands.md tells of which. */
export interface CommandDoc<S> {
  readonly summary?: S;
  readonly since?: S;
  readonly group?: S;
  readonly complexity?: S;
  readonly module?: S;
  readonly doc_flags?: S[];
  readonly deprecated_since?: S;
  readonly replaced_by?: S;
  readonly history?: [S, S][];
  readonly arguments?: CommandArgument<S>[];
  readonly reply_schema?: Reply;
  readonly subcommands?: Record<string, CommandDoc<S>>;
}

/** Part of a reply; docs/commands.md tells of which. */
export interface CommandKeySpec<S> {
  readonly notes?: S;
  readonly flags: S[];
  readonly begin_search: { readonly type: S;
  readonly spec: Record<string, Reply> };
  readonly find_keys: { readonly type: S;
  readonly spec: Record<string, Reply> };
}

/** Part of a reply; docs/commands.md tells of which. */
export type CommandInfo<S> = [S, number, S[], number, number, number, S[], S[], CommandKeySpec<S>[], CommandInfo<S>[]];

/** Part of a reply; docs/commands.md tells of which. */
export interface FunctionInfo<S> {
  readonly name: S;
  readonly description: S | null;
  readonly flags: S[];
}

/** Part of a reply; docs/commands.md tells of which. */
export interface FunctionLibrary<S> {
  readonly library_name: S;
  readonly engine: S;
  readonly functions: FunctionInfo<S>[];
  readonly library_code?: S;
}

/** Part of a reply; docs/commands.md tells of which. */
export interface FunctionStats<S> {
  readonly running_script: { readonly name: S;
  readonly command: S[];
  readonly duration_ms: number } | null;
  readonly engines: Record<string, { readonly libraries_count: number;
  readonly functions_count: number }>;
}

/** Part of a reply; docs/commands.md tells of which. */
export interface LatencyHistogram {
  readonly calls: number;
  readonly histogram_usec: Record<string, number>;
}

/** Part of a reply; docs/commands.md tells of which. */
export interface ModuleInfo<S> {
  readonly name: S;
  readonly ver: number;
  readonly path?: S;
  readonly args?: S[];
}

/** Part of a reply; docs/commands.md tells of which. */
export type Role<S> = ["master", number, [S, S, S][]] | ["slave", S, number, S, number] | ["sentinel", S[]];

/** Part of a reply; docs/commands.md tells of which. */
export interface SentinelScript<S> {
  readonly argv: S[];
  readonly flags: S;
  readonly pid: S;
  readonly "run-time"?: S;
  readonly "run-delay"?: S;
  readonly "retry-num": S;
}

/** Part of a reply; docs/commands.md tells of which. */
export interface ServerHello<S> {
  readonly server: S;
  readonly version: S;
  readonly proto: number;
  readonly id: number;
  readonly mode: S;
  readonly role: S;
  readonly modules: ModuleInfo<S>[];
}

/** Part of a reply; docs/commands.md tells of which. */
export interface StreamConsumer<S> {
  readonly name: S;
  readonly pending: number;
  readonly idle: number;
  readonly inactive?: number;
}

/** Part of a reply; docs/commands.md tells of which. */
export interface StreamGroup<S> {
  readonly name: S;
  readonly consumers: number;
  readonly pending: number;
  readonly "last-delivered-id": S;
  readonly "entries-read"?: number | null;
  readonly lag?: number | null;
}

/** Part of a reply; docs/commands.md tells of which. */
export interface StreamInfo<S> {
  readonly length: number;
  readonly "radix-tree-keys": number;
  readonly "radix-tree-nodes": number;
  readonly "last-generated-id": S;
  readonly "max-deleted-entry-id"?: S;
  readonly "entries-added"?: number;
  readonly "recorded-first-entry-id"?: S;
  readonly groups: number;
  readonly "first-entry": StreamEntry<S> | null;
  readonly "last-entry": StreamEntry<S> | null;
}

/** Part of a reply; docs/commands.md tells of which. */
export interface StreamConsumerFull<S> {
  readonly name: S;
  readonly "seen-time": number;
  readonly "active-time"?: number;
  readonly "pel-count": number;
  readonly pending: [S, number, number][];
}

/** Part of a reply; docs/commands.md tells of which. */
export interface StreamGroupFull<S> {
  readonly name: S;
  readonly "last-delivered-id": S;
  readonly "entries-read"?: number | null;
  readonly lag?: number | null;
  readonly "pel-count": number;
  readonly pending: [S, S, number, number][];
  readonly consumers: StreamConsumerFull<S>[];
}

/** Part of a reply; docs/commands.md tells of which. */
export interface StreamInfoFull<S> {
  readonly length: number;
  readonly "radix-tree-keys": number;
  readonly "radix-tree-nodes": number;
  readonly "last-generated-id": S;
  readonly "max-deleted-entry-id"?: S;
  readonly "entries-added"?: number;
  readonly "recorded-first-entry-id"?: S;
  readonly entries: StreamEntry<S>[];
  readonly groups: StreamGroupFull<S>[];
}

/** Options of GETEX. */
export interface GetexOptions {
  readonly ex?: Numeric;
  readonly px?: Numeric;
  readonly exat?: Numeric;
  readonly pxat?: Numeric;
  readonly persist?: boolean;
}

/** Options of LCS. */
export interface LcsOptions {
  readonly len?: boolean;
  readonly idx?: boolean;
  readonly minmatchlen?: Numeric;
  readonly withmatchlen?: boolean;
}

/** Options of SET. */
export interface SetOptions {
  readonly nx?: boolean;
  readonly xx?: boolean;
  readonly get?: boolean;
  readonly ex?: Numeric;
  readonly px?: Numeric;
  readonly exat?: Numeric;
  readonly pxat?: Numeric;
  readonly keepttl?: boolean;
}

/** Options of BITCOUNT. */
export interface BitcountOptions {
  readonly start?: Numeric;
  readonly end?: Numeric;
  readonly unit?: "BYTE" | "byte" | "BIT" | "bit";
}

/** One operation of BITFIELD. */
export interface BitfieldOperation {
  readonly get?: { readonly encoding: Arg; readonly offset: Arg };
  readonly overflow?: "WRAP" | "wrap" | "SAT" | "sat" | "FAIL" | "fail";
  readonly set?: { readonly encoding: Arg; readonly offset: Arg; readonly value: Numeric };
  readonly incrby?: { readonly encoding: Arg; readonly offset: Arg; readonly increment: Numeric };
}

/** One operation of BITFIELD_RO. */
export interface BitfieldRoOperation {
  readonly get: { readonly encoding: Arg; readonly offset: Arg };
}

/** Options of BITPOS. */
export interface BitposOptions {
  readonly start?: Numeric;
  readonly end?: Numeric;
  readonly unit?: "BYTE" | "byte" | "BIT" | "bit";
}

/** Options of COPY. */
export interface CopyOptions {
  readonly db?: Numeric;
  readonly replace?: boolean;
}

/** Options of EXPIRE. */
export interface ExpireOptions {
  readonly nx?: boolean;
  readonly xx?: boolean;
  readonly gt?: boolean;
  readonly lt?: boolean;
}

/** Options of EXPIREAT. */
export interface ExpireatOptions {
  readonly nx?: boolean;
  readonly xx?: boolean;
  readonly gt?: boolean;
  readonly lt?: boolean;
}

/** Options of MIGRATE. */
export interface MigrateOptions {
  readonly copy?: boolean;
  readonly replace?: boolean;
  readonly auth?: Arg;
  readonly auth2?: { readonly username: Arg; readonly password: Arg };
  readonly keys?: Many<Arg>;
}

/** Options of PEXPIRE. */
export interface PexpireOptions {
  readonly nx?: boolean;
  readonly xx?: boolean;
  readonly gt?: boolean;
  readonly lt?: boolean;
}

/** Options of PEXPIREAT. */
export interface PexpireatOptions {
  readonly nx?: boolean;
  readonly xx?: boolean;
  readonly gt?: boolean;
  readonly lt?: boolean;
}

/** Options of RESTORE. */
export interface RestoreOptions {
  readonly replace?: boolean;
  readonly absttl?: boolean;
  readonly idletime?: Numeric;
  readonly freq?: Numeric;
}

/** Options of SCAN. */
export interface ScanOptions {
  readonly match?: Arg;
  readonly count?: Numeric;
  readonly type?: Arg;
}

/** Options of SORT. */
export interface SortOptions {
  readonly by?: Arg;
  readonly limit?: { readonly offset: Numeric; readonly count: Numeric };
  readonly get?: Many<Arg>;
  readonly asc?: boolean;
  readonly desc?: boolean;
  readonly alpha?: boolean;
  readonly store?: Arg;
}

/** Options of SORT_RO. */
export interface SortRoOptions {
  readonly by?: Arg;
  readonly limit?: { readonly offset: Numeric; readonly count: Numeric };
  readonly get?: Many<Arg>;
  readonly asc?: boolean;
  readonly desc?: boolean;
  readonly alpha?: boolean;
}

/** Options of HRANDFIELD. */
export interface HrandfieldOptions {
  readonly count?: Numeric;
  readonly withvalues?: boolean;
}

/** Options of HSCAN. */
export interface HscanOptions {
  readonly match?: Arg;
  readonly count?: Numeric;
  readonly novalues?: boolean;
}

/** Options of BLMPOP. */
export interface BlmpopOptions {
  readonly count?: Numeric;
}

/** Options of LMPOP. */
export interface LmpopOptions {
  readonly count?: Numeric;
}

/** Options of LPOP. */
export interface LpopOptions {
  readonly count?: Numeric;
}

/** Options of LPOS. */
export interface LposOptions {
  readonly rank?: Numeric;
  readonly count?: Numeric;
  readonly maxlen?: Numeric;
}

/** Options of RPOP. */
export interface RpopOptions {
  readonly count?: Numeric;
}

/** Options of SINTERCARD. */
export interface SintercardOptions {
  readonly limit?: Numeric;
}

/** Options of SPOP. */
export interface SpopOptions {
  readonly count?: Numeric;
}

/** Options of SRANDMEMBER. */
export interface SrandmemberOptions {
  readonly count?: Numeric;
}

/** Options of SSCAN. */
export interface SscanOptions {
  readonly match?: Arg;
  readonly count?: Numeric;
}

/** Options of BZMPOP. */
export interface BzmpopOptions {
  readonly count?: Numeric;
}

/** Options of ZADD. */
export interface ZaddOptions {
  readonly nx?: boolean;
  readonly xx?: boolean;
  readonly gt?: boolean;
  readonly lt?: boolean;
  readonly ch?: boolean;
  readonly incr?: boolean;
}

/** Options of ZDIFF. */
export interface ZdiffOptions {
  readonly withscores?: boolean;
}

/** Options of ZINTER. */
export interface ZinterOptions {
  readonly weights?: Many<Numeric>;
  readonly aggregate?: "SUM" | "sum" | "MIN" | "min" | "MAX" | "max";
  readonly withscores?: boolean;
}

/** Options of ZINTERCARD. */
export interface ZintercardOptions {
  readonly limit?: Numeric;
}

/** Options of ZINTERSTORE. */
export interface ZinterstoreOptions {
  readonly weights?: Many<Numeric>;
  readonly aggregate?: "SUM" | "sum" | "MIN" | "min" | "MAX" | "max";
}

/** Options of ZMPOP. */
export interface ZmpopOptions {
  readonly count?: Numeric;
}

/** Options of ZPOPMAX. */
export interface ZpopmaxOptions {
  readonly count?: Numeric;
}

/** Options of ZPOPMIN. */
export interface ZpopminOptions {
  readonly count?: Numeric;
}

/** Options of ZRANDMEMBER. */
export interface ZrandmemberOptions {
  readonly count?: Numeric;
  readonly withscores?: boolean;
}

/** Options of ZRANGE. */
export interface ZrangeOptions {
  readonly byscore?: boolean;
  readonly bylex?: boolean;
  readonly rev?: boolean;
  readonly limit?: { readonly offset: Numeric; readonly count: Numeric };
  readonly withscores?: boolean;
}

/** Options of ZRANGEBYLEX. */
export interface ZrangebylexOptions {
  readonly limit?: { readonly offset: Numeric; readonly count: Numeric };
}

/** Options of ZRANGEBYSCORE. */
export interface ZrangebyscoreOptions {
  readonly withscores?: boolean;
  readonly limit?: { readonly offset: Numeric; readonly count: Numeric };
}

/** Options of ZRANGESTORE. */
export interface ZrangestoreOptions {
  readonly byscore?: boolean;
  readonly bylex?: boolean;
  readonly rev?: boolean;
  readonly limit?: { readonly offset: Numeric; readonly count: Numeric };
}

/** Options of ZRANK. */
export interface ZrankOptions {
  readonly withscore?: boolean;
}

/** Options of ZREVRANGE. */
export interface ZrevrangeOptions {
  readonly withscores?: boolean;
}

/** Options of ZREVRANGEBYLEX. */
export interface ZrevrangebylexOptions {
  readonly limit?: { readonly offset: Numeric; readonly count: Numeric };
}

/** Options of ZREVRANGEBYSCORE. */
export interface ZrevrangebyscoreOptions {
  readonly withscores?: boolean;
  readonly limit?: { readonly offset: Numeric; readonly count: Numeric };
}

/** Options of ZREVRANK. */
export interface ZrevrankOptions {
  readonly withscore?: boolean;
}

/** Options of ZSCAN. */
export interface ZscanOptions {
  readonly match?: Arg;
  readonly count?: Numeric;
  readonly noscores?: boolean;
}

/** Options of ZUNION. */
export interface ZunionOptions {
  readonly weights?: Many<Numeric>;
  readonly aggregate?: "SUM" | "sum" | "MIN" | "min" | "MAX" | "max";
  readonly withscores?: boolean;
}

/** Options of ZUNIONSTORE. */
export interface ZunionstoreOptions {
  readonly weights?: Many<Numeric>;
  readonly aggregate?: "SUM" | "sum" | "MIN" | "min" | "MAX" | "max";
}

/** Options of GEOADD. */
export interface GeoaddOptions {
  readonly nx?: boolean;
  readonly xx?: boolean;
  readonly ch?: boolean;
}

/** Options of GEODIST. */
export interface GeodistOptions {
  readonly unit?: "m" | "M" | "km" | "KM" | "ft" | "FT" | "mi" | "MI";
}

/** Options of GEORADIUS. */
export interface GeoradiusOptions {
  readonly withcoord?: boolean;
  readonly withdist?: boolean;
  readonly withhash?: boolean;
  readonly count?: Numeric;
  readonly any?: boolean;
  readonly asc?: boolean;
  readonly desc?: boolean;
  readonly store?: Arg;
  readonly storedist?: Arg;
}

/** Options of GEORADIUSBYMEMBER. */
export interface GeoradiusbymemberOptions {
  readonly withcoord?: boolean;
  readonly withdist?: boolean;
  readonly withhash?: boolean;
  readonly count?: Numeric;
  readonly any?: boolean;
  readonly asc?: boolean;
  readonly desc?: boolean;
  readonly store?: Arg;
  readonly storedist?: Arg;
}

/** Options of GEORADIUSBYMEMBER_RO. */
export interface GeoradiusbymemberRoOptions {
  readonly withcoord?: boolean;
  readonly withdist?: boolean;
  readonly withhash?: boolean;
  readonly count?: Numeric;
  readonly any?: boolean;
  readonly asc?: boolean;
  readonly desc?: boolean;
}

/** Options of GEORADIUS_RO. */
export interface GeoradiusRoOptions {
  readonly withcoord?: boolean;
  readonly withdist?: boolean;
  readonly withhash?: boolean;
  readonly count?: Numeric;
  readonly any?: boolean;
  readonly asc?: boolean;
  readonly desc?: boolean;
}

/** Options of GEOSEARCH. */
export interface GeosearchOptions {
  readonly frommember?: Arg;
  readonly fromlonlat?: { readonly longitude: Numeric; readonly latitude: Numeric };
  readonly byradius?: { readonly radius: Numeric; readonly unit: "m" | "M" | "km" | "KM" | "ft" | "FT" | "mi" | "MI" };
  readonly bybox?: { readonly width: Numeric; readonly height: Numeric; readonly unit: "m" | "M" | "km" | "KM" | "ft" | "FT" | "mi" | "MI" };
  readonly asc?: boolean;
  readonly desc?: boolean;
  readonly count?: Numeric;
  readonly any?: boolean;
  readonly withcoord?: boolean;
  readonly withdist?: boolean;
  readonly withhash?: boolean;
}

/** Options of GEOSEARCHSTORE. */
export interface GeosearchstoreOptions {
  readonly frommember?: Arg;
  readonly fromlonlat?: { readonly longitude: Numeric; readonly latitude: Numeric };
  readonly byradius?: { readonly radius: Numeric; readonly unit: "m" | "M" | "km" | "KM" | "ft" | "FT" | "mi" | "MI" };
  readonly bybox?: { readonly width: Numeric; readonly height: Numeric; readonly unit: "m" | "M" | "km" | "KM" | "ft" | "FT" | "mi" | "MI" };
  readonly asc?: boolean;
  readonly desc?: boolean;
  readonly count?: Numeric;
  readonly any?: boolean;
  readonly storedist?: boolean;
}

/** Options of XADD. */
export interface XaddOptions {
  readonly nomkstream?: boolean;
  readonly maxlen?: Arg | { readonly operator?: "=" | "~"; readonly threshold: Arg };
  readonly minid?: Arg | { readonly operator?: "=" | "~"; readonly threshold: Arg };
  readonly limit?: Numeric;
}

/** Options of XAUTOCLAIM. */
export interface XautoclaimOptions {
  readonly count?: Numeric;
  readonly justid?: boolean;
}

/** Options of XCLAIM. */
export interface XclaimOptions {
  readonly idle?: Numeric;
  readonly time?: Numeric;
  readonly retrycount?: Numeric;
  readonly force?: boolean;
  readonly justid?: boolean;
  readonly lastid?: Arg;
}

/** Options of XPENDING. */
export interface XpendingOptions {
  readonly idle?: Numeric;
  readonly start?: Arg;
  readonly end?: Arg;
  readonly count?: Numeric;
  readonly consumer?: Arg;
}

/** Options of XRANGE. */
export interface XrangeOptions {
  readonly count?: Numeric;
}

/** Options of XREAD. */
export interface XreadOptions {
  readonly count?: Numeric;
  readonly block?: Numeric;
}

/** Options of XREADGROUP. */
export interface XreadgroupOptions {
  readonly count?: Numeric;
  readonly block?: Numeric;
  readonly noack?: boolean;
}

/** Options of XREVRANGE. */
export interface XrevrangeOptions {
  readonly count?: Numeric;
}

/** Options of XSETID. */
export interface XsetidOptions {
  readonly entriesadded?: Numeric;
  readonly maxdeletedid?: Arg;
}

/** Options of XTRIM. */
export interface XtrimOptions {
  readonly maxlen?: Arg | { readonly operator?: "=" | "~"; readonly threshold: Arg };
  readonly minid?: Arg | { readonly operator?: "=" | "~"; readonly threshold: Arg };
  readonly limit?: Numeric;
}

/** Options of AUTH. */
export interface AuthOptions {
  readonly username?: Arg;
}

/** Options of HELLO. */
export interface HelloOptions {
  readonly protover?: Numeric;
  readonly auth?: { readonly username: Arg; readonly password: Arg };
  readonly setname?: Arg;
}

/** Options of PING. */
export interface PingOptions {
  readonly message?: Arg;
}

/** Options of BGSAVE. */
export interface BgsaveOptions {
  readonly schedule?: boolean;
  readonly cancel?: boolean;
}

/** Options of FAILOVER. */
export interface FailoverOptions {
  readonly to?: { readonly host: Arg; readonly port: Numeric; readonly force?: boolean };
  readonly abort?: boolean;
  readonly timeout?: Numeric;
}

/** Options of FLUSHALL. */
export interface FlushallOptions {
  readonly async?: boolean;
  readonly sync?: boolean;
}

/** Options of FLUSHDB. */
export interface FlushdbOptions {
  readonly async?: boolean;
  readonly sync?: boolean;
}

/** Options of LOLWUT. */
export interface LolwutOptions {
  readonly version?: Numeric;
}

/** Options of SHUTDOWN. */
export interface ShutdownOptions {
  readonly nosave?: boolean;
  readonly save?: boolean;
  readonly now?: boolean;
  readonly force?: boolean;
  readonly abort?: boolean;
}

/** Options of XGROUP CREATE. */
export interface XgroupCreateOptions {
  readonly mkstream?: boolean;
  readonly entriesread?: Numeric;
}

/** Options of XGROUP SETID. */
export interface XgroupSetidOptions {
  readonly entriesread?: Numeric;
}

/** Options of XINFO STREAM. */
export interface XinfoStreamOptions {
  readonly full?: boolean;
  readonly count?: Numeric;
}

/** Options of PUBSUB CHANNELS. */
export interface PubsubChannelsOptions {
  readonly pattern?: Arg;
}

/** Options of PUBSUB SHARDCHANNELS. */
export interface PubsubShardchannelsOptions {
  readonly pattern?: Arg;
}

/** Options of FUNCTION FLUSH. */
export interface FunctionFlushOptions {
  readonly async?: boolean;
  readonly sync?: boolean;
}

/** Options of FUNCTION LIST. */
export interface FunctionListOptions {
  readonly libraryname?: Arg;
  readonly withcode?: boolean;
}

/** Options of FUNCTION LOAD. */
export interface FunctionLoadOptions {
  readonly replace?: boolean;
}

/** Options of FUNCTION RESTORE. */
export interface FunctionRestoreOptions {
  readonly flush?: boolean;
  readonly append?: boolean;
  readonly replace?: boolean;
}

/** Options of SCRIPT FLUSH. */
export interface ScriptFlushOptions {
  readonly async?: boolean;
  readonly sync?: boolean;
}

/** Options of CLIENT KILL. */
export interface ClientKillOptions {
  readonly id?: Numeric;
  readonly type?: "normal" | "NORMAL" | "master" | "MASTER" | "primary" | "PRIMARY" | "slave" | "SLAVE" | "replica" | "REPLICA" | "pubsub" | "PUBSUB";
  readonly user?: Arg;
  readonly addr?: Arg;
  readonly laddr?: Arg;
  readonly skipme?: "YES" | "yes" | "NO" | "no";
  readonly maxage?: Numeric;
}

/** Options of CLIENT LIST. */
export interface ClientListOptions {
  readonly type?: "normal" | "NORMAL" | "master" | "MASTER" | "replica" | "REPLICA" | "pubsub" | "PUBSUB";
  readonly id?: Many<Numeric>;
}

/** Options of CLIENT PAUSE. */
export interface ClientPauseOptions {
  readonly write?: boolean;
  readonly all?: boolean;
}

/** Options of CLIENT TRACKING. */
export interface ClientTrackingOptions {
  readonly redirect?: Numeric;
  readonly prefix?: Many<Arg>;
  readonly bcast?: boolean;
  readonly optin?: boolean;
  readonly optout?: boolean;
  readonly noloop?: boolean;
}

/** Options of CLIENT UNBLOCK. */
export interface ClientUnblockOptions {
  readonly timeout?: boolean;
  readonly error?: boolean;
}

/** Options of ACL CAT. */
export interface AclCatOptions {
  readonly category?: Arg;
}

/** Options of ACL GENPASS. */
export interface AclGenpassOptions {
  readonly bits?: Numeric;
}

/** Options of ACL LOG. */
export interface AclLogOptions {
  readonly count?: Numeric;
  readonly reset?: boolean;
}

/** Options of COMMAND LIST. */
export interface CommandListOptions {
  readonly filterby?: { readonly module?: Arg; readonly aclcat?: Arg; readonly pattern?: Arg };
}

/** Options of MEMORY USAGE. */
export interface MemoryUsageOptions {
  readonly samples?: Numeric;
}

/** Options of MODULE LOADEX. */
export interface ModuleLoadexOptions {
  readonly config?: Pairs<Arg, Arg>;
  readonly args?: Many<Arg>;
}

/** Options of SLOWLOG GET. */
export interface SlowlogGetOptions {
  readonly count?: Numeric;
}

/** Options of CLUSTER FAILOVER. */
export interface ClusterFailoverOptions {
  readonly force?: boolean;
  readonly takeover?: boolean;
}

/** Options of CLUSTER MEET. */
export interface ClusterMeetOptions {
  readonly clusterBusPort?: Numeric;
}

/** Options of CLUSTER RESET. */
export interface ClusterResetOptions {
  readonly hard?: boolean;
  readonly soft?: boolean;
}

/** Options of CLUSTER SETSLOT. */
export interface ClusterSetslotOptions {
  readonly importing?: Arg;
  readonly migrating?: Arg;
  readonly node?: Arg;
  readonly stable?: boolean;
  readonly timeout?: Numeric;
}

/** Options of CLUSTER SLOT-STATS. */
export interface ClusterSlotStatsOptions {
  readonly slotsrange?: { readonly startSlot: Numeric; readonly endSlot: Numeric };
  readonly orderby?: Arg | { readonly metric: Arg; readonly limit?: Numeric; readonly asc?: boolean; readonly desc?: boolean };
}

/** Options of SENTINEL CONFIG. */
export interface SentinelConfigOptions {
  readonly set?: Pairs<Arg, Arg>;
  readonly get?: Many<Arg>;
}

/** The commands of OBJECT. */
export interface ObjectCommands<F extends Family, S> {
  /** `OBJECT ENCODING key` · since 2.2.3 */
  encoding(key: Arg): Out<F, S | null>;
  /** `OBJECT FREQ key` · since 4.0.0 */
  freq(key: Arg): Out<F, number | null>;
  /** `OBJECT HELP` · since 6.2.0 */
  help(): Out<F, S[]>;
  /** `OBJECT IDLETIME key` · since 2.2.3 */
  idletime(key: Arg): Out<F, number | null>;
  /** `OBJECT REFCOUNT key` · since 2.2.3 */
  refcount(key: Arg): Out<F, number | null>;
}

/** The commands of XGROUP. */
export interface XgroupCommands<F extends Family, S> {
  /** `XGROUP CREATE key group id [MKSTREAM] [ENTRIESREAD entriesread]` · since 5.0.0 */
  create(key: Arg, group: Arg, id: Arg, options?: XgroupCreateOptions): Out<F, "OK">;
  /** `XGROUP CREATECONSUMER key group consumer` · since 6.2.0 */
  createconsumer(key: Arg, group: Arg, consumer: Arg): Out<F, number>;
  /** `XGROUP DELCONSUMER key group consumer` · since 5.0.0 */
  delconsumer(key: Arg, group: Arg, consumer: Arg): Out<F, number>;
  /** `XGROUP DESTROY key group` · since 5.0.0 */
  destroy(key: Arg, group: Arg): Out<F, number>;
  /** `XGROUP HELP` · since 5.0.0 */
  help(): Out<F, S[]>;
  /** `XGROUP SETID key group id [ENTRIESREAD entriesread]` · since 5.0.0 */
  setid(key: Arg, group: Arg, id: Arg, options?: XgroupSetidOptions): Out<F, "OK">;
}

/** The commands of XINFO. */
export interface XinfoCommands<F extends Family, S> {
  /** `XINFO CONSUMERS key group` · since 5.0.0 */
  consumers(key: Arg, group: Arg): Out<F, StreamConsumer<S>[]>;
  /** `XINFO GROUPS key` · since 5.0.0 */
  groups(key: Arg): Out<F, StreamGroup<S>[]>;
  /** `XINFO HELP` · since 5.0.0 */
  help(): Out<F, S[]>;
  /** `XINFO STREAM key [FULL [COUNT count]]` · since 5.0.0 */
  stream<O extends XinfoStreamOptions = None>(key: Arg, options?: Only<O, XinfoStreamOptions>): Out<F, When<O, "full", StreamInfoFull<S>, StreamInfo<S>>>;
}

/** The commands of PUBSUB. */
export interface PubsubCommands<F extends Family, S> {
  /** `PUBSUB CHANNELS [pattern]` · since 2.8.0 */
  channels(options?: Arg | PubsubChannelsOptions): Out<F, S[]>;
  /** `PUBSUB HELP` · since 6.2.0 */
  help(): Out<F, S[]>;
  /** `PUBSUB NUMPAT` · since 2.8.0 */
  numpat(): Out<F, number>;
  /** `PUBSUB NUMSUB [channel...]` · since 2.8.0 */
  numsub(...channel: Rest<Arg>): Out<F, Record<string, number>>;
  /** `PUBSUB SHARDCHANNELS [pattern]` · since 7.0.0 */
  shardchannels(options?: Arg | PubsubShardchannelsOptions): Out<F, S[]>;
  /** `PUBSUB SHARDNUMSUB [shardchannel...]` · since 7.0.0 */
  shardnumsub(...shardchannel: Rest<Arg>): Out<F, Record<string, number>>;
}

/** The commands of FUNCTION. */
export interface FunctionCommands<F extends Family, S> {
  /** `FUNCTION DELETE library-name` · since 7.0.0 */
  delete(libraryName: Arg): Out<F, "OK">;
  /** `FUNCTION DUMP` · since 7.0.0 */
  dump(): Out<F, S>;
  /** `FUNCTION FLUSH [ASYNC | SYNC]` · since 7.0.0 */
  flush(options?: FunctionFlushOptions): Out<F, "OK">;
  /** `FUNCTION HELP` · since 7.0.0 */
  help(): Out<F, S[]>;
  /** `FUNCTION KILL` · since 7.0.0 */
  kill(): Out<F, "OK">;
  /** `FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]` · since 7.0.0 */
  list(options?: FunctionListOptions): Out<F, FunctionLibrary<S>[]>;
  /** `FUNCTION LOAD [REPLACE] function-code` · since 7.0.0 */
  load(functionCode: Arg, options?: FunctionLoadOptions): Out<F, S>;
  /** `FUNCTION RESTORE serialized-value [FLUSH | APPEND | REPLACE]` · since 7.0.0 */
  restore(serializedValue: Arg, options?: FunctionRestoreOptions): Out<F, "OK">;
  /** `FUNCTION STATS` · since 7.0.0 */
  stats(): Out<F, FunctionStats<S>>;
}

/** The commands of SCRIPT. */
export interface ScriptCommands<F extends Family, S> {
  /** `SCRIPT DEBUG mode:(YES|SYNC|NO)` · since 3.2.0 */
  debug(mode: "YES" | "yes" | "SYNC" | "sync" | "NO" | "no"): Out<F, "OK">;
  /** `SCRIPT EXISTS sha1...` · since 2.6.0 */
  exists(...sha1: Rest<Arg>): Out<F, number[]>;
  /** `SCRIPT FLUSH [ASYNC | SYNC]` · since 2.6.0 */
  flush(options?: ScriptFlushOptions): Out<F, "OK">;
  /** `SCRIPT HELP` · since 5.0.0 */
  help(): Out<F, S[]>;
  /** `SCRIPT KILL` · since 2.6.0 */
  kill(): Out<F, "OK">;
  /** `SCRIPT LOAD script` · since 2.6.0 */
  load(script: Arg): Out<F, S>;
  /** `SCRIPT SHOW sha1` · since 8.0.0 */
  show(sha1: Arg): Out<F, S>;
}

/** The commands of CLIENT. */
export interface ClientCommands<F extends Family, S> {
  /** `CLIENT CACHING mode:(YES|NO)` · since 6.0.0 */
  caching(mode: "YES" | "yes" | "NO" | "no"): Out<F, "OK">;
  /** `CLIENT CAPA capability...` · since 8.0.0 */
  capa(...capability: Rest<Arg>): Out<F, "OK">;
  /** `CLIENT GETNAME` · since 2.6.9 */
  getname(): Out<F, S | null>;
  /** `CLIENT GETREDIR` · since 6.0.0 */
  getredir(): Out<F, number>;
  /** `CLIENT HELP` · since 5.0.0 */
  help(): Out<F, S[]>;
  /** `CLIENT ID` · since 5.0.0 */
  id(): Out<F, number>;
  /** `CLIENT INFO` · since 6.2.0 */
  info(): Out<F, S>;
  /** `CLIENT KILL ([ID client-id] [TYPE client-type:(normal|master|primary|slave|replica|pubsub)] [USER username] [ADDR addr] [LADDR laddr] [SKIPME skipme:(YES|NO)] [MAXAGE maxage])` · since 2.4.0 */
  kill(options: ClientKillOptions): Out<F, number>;
  /** `CLIENT LIST [TYPE client-type:(normal|master|replica|pubsub)] [ID client-id...]` · since 2.4.0 */
  list(options?: ClientListOptions): Out<F, S>;
  /** `CLIENT NO-EVICT enabled:(ON|OFF)` · since 7.0.0 */
  no_evict(enabled: "ON" | "on" | "OFF" | "off"): Out<F, "OK">;
  /** `CLIENT NO-TOUCH enabled:(ON|OFF)` · since 7.2.0 */
  no_touch(enabled: "ON" | "on" | "OFF" | "off"): Out<F, "OK">;
  /** `CLIENT PAUSE timeout [WRITE | ALL]` · since 3.0.0 */
  pause(timeout: Numeric, options?: ClientPauseOptions): Out<F, "OK">;
  /** `CLIENT REPLY action:(ON|OFF|SKIP)` · since 3.2.0 */
  reply(action: "ON" | "on" | "OFF" | "off" | "SKIP" | "skip"): Out<F, "OK">;
  /** `CLIENT SETINFO attribute:(lib-name|lib-ver) value` · since 7.2.0 */
  setinfo(attribute: "lib-name" | "LIB-NAME" | "lib-ver" | "LIB-VER", value: Arg): Out<F, "OK">;
  /** `CLIENT SETNAME connection-name` · since 2.6.9 */
  setname(connectionName: Arg): Out<F, "OK">;
  /** `CLIENT TRACKING status:(ON|OFF) [REDIRECT client-id] [PREFIX prefix]... [BCAST] [OPTIN] [OPTOUT] [NOLOOP]` · since 6.0.0 */
  tracking(status: "ON" | "on" | "OFF" | "off", options?: ClientTrackingOptions): Out<F, "OK">;
  /** `CLIENT TRACKINGINFO` · since 6.2.0 */
  trackinginfo(): Out<F, { readonly flags: S[]; readonly redirect: number; readonly prefixes: S[] }>;
  /** `CLIENT UNBLOCK client-id [TIMEOUT | ERROR]` · since 5.0.0 */
  unblock(clientId: Numeric, options?: ClientUnblockOptions): Out<F, number>;
  /** `CLIENT UNPAUSE` · since 6.2.0 */
  unpause(): Out<F, "OK">;
}

/** The commands of ACL. */
export interface AclCommands<F extends Family, S> {
  /** `ACL CAT [category]` · since 6.0.0 */
  cat(options?: Arg | AclCatOptions): Out<F, S[]>;
  /** `ACL DELUSER username...` · since 6.0.0 */
  deluser(...username: Rest<Arg>): Out<F, number>;
  /** `ACL DRYRUN username command [arg...]` · since 7.0.0 */
  dryrun(username: Arg, command: Arg, ...arg: Rest<Arg>): Out<F, S>;
  /** `ACL GENPASS [bits]` · since 6.0.0 */
  genpass(options?: Numeric | AclGenpassOptions): Out<F, S>;
  /** `ACL GETUSER username` · since 6.0.0 */
  getuser(username: Arg): Out<F, AclUser<S> | null>;
  /** `ACL HELP` · since 6.0.0 */
  help(): Out<F, S[]>;
  /** `ACL LIST` · since 6.0.0 */
  list(): Out<F, S[]>;
  /** `ACL LOAD` · since 6.0.0 */
  load(): Out<F, "OK">;
  /** `ACL LOG [count | RESET]` · since 6.0.0 */
  log<O extends AclLogOptions = None>(options?: Only<O, AclLogOptions>): Out<F, When<O, "reset", "OK", AclLogEntry<S>[]>>;
  /** `ACL SAVE` · since 6.0.0 */
  save(): Out<F, "OK">;
  /** `ACL SETUSER username [rule...]` · since 6.0.0 */
  setuser(username: Arg, ...rule: Rest<Arg>): Out<F, "OK">;
  /** `ACL USERS` · since 6.0.0 */
  users(): Out<F, S[]>;
  /** `ACL WHOAMI` · since 6.0.0 */
  whoami(): Out<F, S>;
}

/** The commands of COMMAND. */
export interface CommandCommands<F extends Family, S> {
  /** `COMMAND` · since 2.8.13 */
  (): Out<F, CommandInfo<S>[]>;
  /** `COMMAND COUNT` · since 2.8.13 */
  count(): Out<F, number>;
  /** `COMMAND DOCS [command-name...]` · since 7.0.0 */
  docs(...commandName: Rest<Arg>): Out<F, Record<string, CommandDoc<S>>>;
  /** `COMMAND GETKEYS command [arg...]` · since 2.8.13 */
  getkeys(command: Arg, ...arg: Rest<Arg>): Out<F, S[]>;
  /** `COMMAND GETKEYSANDFLAGS command [arg...]` · since 7.0.0 */
  getkeysandflags(command: Arg, ...arg: Rest<Arg>): Out<F, [S, S[]][]>;
  /** `COMMAND HELP` · since 5.0.0 */
  help(): Out<F, S[]>;
  /** `COMMAND INFO [command-name...]` · since 2.8.13 */
  info(...commandName: Rest<Arg>): Out<F, (CommandInfo<S> | null)[]>;
  /** `COMMAND LIST [FILTERBY (MODULE module-name | ACLCAT category | PATTERN pattern)]` · since 7.0.0 */
  list(options?: CommandListOptions): Out<F, S[]>;
}

/** The commands of CONFIG. */
export interface ConfigCommands<F extends Family, S> {
  /** `CONFIG GET parameter...` · since 2.0.0 */
  get(...parameter: Rest<Arg>): Out<F, Record<string, S>>;
  /** `CONFIG HELP` · since 5.0.0 */
  help(): Out<F, S[]>;
  /** `CONFIG RESETSTAT` · since 2.0.0 */
  resetstat(): Out<F, "OK">;
  /** `CONFIG REWRITE` · since 2.8.0 */
  rewrite(): Out<F, "OK">;
  /** `CONFIG SET data:{parameter value}...` · since 2.0.0 */
  set(data: Pairs<Arg, Arg>): Out<F, "OK">;
}

/** The commands of LATENCY. */
export interface LatencyCommands<F extends Family, S> {
  /** `LATENCY DOCTOR` · since 2.8.13 */
  doctor(): Out<F, S>;
  /** `LATENCY GRAPH event` · since 2.8.13 */
  graph(event: Arg): Out<F, S>;
  /** `LATENCY HELP` · since 2.8.13 */
  help(): Out<F, S[]>;
  /** `LATENCY HISTOGRAM [command...]` · since 7.0.0 */
  histogram(...command: Rest<Arg>): Out<F, Record<string, LatencyHistogram>>;
  /** `LATENCY HISTORY event` · since 2.8.13 */
  history(event: Arg): Out<F, [number, number][]>;
  /** `LATENCY LATEST` · since 2.8.13 */
  latest(): Out<F, [S, number, number, number][]>;
  /** `LATENCY RESET [event...]` · since 2.8.13 */
  reset(...event: Rest<Arg>): Out<F, number>;
}

/** The commands of MEMORY. */
export interface MemoryCommands<F extends Family, S> {
  /** `MEMORY DOCTOR` · since 4.0.0 */
  doctor(): Out<F, S>;
  /** `MEMORY HELP` · since 4.0.0 */
  help(): Out<F, S[]>;
  /** `MEMORY MALLOC-STATS` · since 4.0.0 */
  malloc_stats(): Out<F, S>;
  /** `MEMORY PURGE` · since 4.0.0 */
  purge(): Out<F, "OK">;
  /** `MEMORY STATS` · since 4.0.0 */
  stats(): Out<F, Record<string, number | Record<string, number>>>;
  /** `MEMORY USAGE key [SAMPLES count]` · since 4.0.0 */
  usage(key: Arg, options?: MemoryUsageOptions): Out<F, number | null>;
}

/** The commands of MODULE. */
export interface ModuleCommands<F extends Family, S> {
  /** `MODULE HELP` · since 5.0.0 */
  help(): Out<F, S[]>;
  /** `MODULE LIST` · since 4.0.0 */
  list(): Out<F, ModuleInfo<S>[]>;
  /** `MODULE LOAD path [arg...]` · since 4.0.0 */
  load(path: Arg, ...arg: Rest<Arg>): Out<F, "OK">;
  /** `MODULE LOADEX path [CONFIG {name value}]... [ARGS args...]` · since 7.0.0 */
  loadex(path: Arg, options?: ModuleLoadexOptions): Out<F, "OK">;
  /** `MODULE UNLOAD name` · since 4.0.0 */
  unload(name: Arg): Out<F, "OK">;
}

/** The commands of SLOWLOG. */
export interface SlowlogCommands<F extends Family, S> {
  /** `SLOWLOG GET [count]` · since 2.2.12 */
  get(options?: Numeric | SlowlogGetOptions): Out<F, [number, number, number, S[], S, S][]>;
  /** `SLOWLOG HELP` · since 6.2.0 */
  help(): Out<F, S[]>;
  /** `SLOWLOG LEN` · since 2.2.12 */
  len(): Out<F, number>;
  /** `SLOWLOG RESET` · since 2.2.12 */
  reset(): Out<F, "OK">;
}

/** The commands of CLUSTER. */
export interface ClusterCommands<F extends Family, S> {
  /** `CLUSTER ADDSLOTS slot...` · since 3.0.0 */
  addslots(...slot: Rest<Numeric>): Out<F, "OK">;
  /** `CLUSTER ADDSLOTSRANGE range:{start-slot end-slot}...` · since 7.0.0 */
  addslotsrange(range: Pairs<Numeric, Numeric>): Out<F, "OK">;
  /** `CLUSTER BUMPEPOCH` · since 3.0.0 */
  bumpepoch(): Out<F, string>;
  /** `CLUSTER COUNT-FAILURE-REPORTS node-id` · since 3.0.0 */
  count_failure_reports(nodeId: Arg): Out<F, number>;
  /** `CLUSTER COUNTKEYSINSLOT slot` · since 3.0.0 */
  countkeysinslot(slot: Numeric): Out<F, number>;
  /** `CLUSTER DELSLOTS slot...` · since 3.0.0 */
  delslots(...slot: Rest<Numeric>): Out<F, "OK">;
  /** `CLUSTER DELSLOTSRANGE range:{start-slot end-slot}...` · since 7.0.0 */
  delslotsrange(range: Pairs<Numeric, Numeric>): Out<F, "OK">;
  /** `CLUSTER FAILOVER [FORCE | TAKEOVER]` · since 3.0.0 */
  failover(options?: ClusterFailoverOptions): Out<F, "OK">;
  /** `CLUSTER FLUSHSLOTS` · since 3.0.0 */
  flushslots(): Out<F, "OK">;
  /** `CLUSTER FORGET node-id` · since 3.0.0 */
  forget(nodeId: Arg): Out<F, "OK">;
  /** `CLUSTER GETKEYSINSLOT slot count` · since 3.0.0 */
  getkeysinslot(slot: Numeric, count: Numeric): Out<F, S[]>;
  /** `CLUSTER HELP` · since 5.0.0 */
  help(): Out<F, S[]>;
  /** `CLUSTER INFO` · since 3.0.0 */
  info(): Out<F, S>;
  /** `CLUSTER KEYSLOT key` · since 3.0.0 */
  keyslot(key: Arg): Out<F, number>;
  /** `CLUSTER LINKS` · since 7.0.0 */
  links(): Out<F, ClusterLink<S>[]>;
  /** `CLUSTER MEET ip port [cluster-bus-port]` · since 3.0.0 */
  meet(ip: Arg, port: Numeric, options?: Numeric | ClusterMeetOptions): Out<F, "OK">;
  /** `CLUSTER MYID` · since 3.0.0 */
  myid(): Out<F, S>;
  /** `CLUSTER MYSHARDID` · since 7.2.0 */
  myshardid(): Out<F, S>;
  /** `CLUSTER NODES` · since 3.0.0 */
  nodes(): Out<F, S>;
  /** `CLUSTER REPLICAS node-id` · since 5.0.0 */
  replicas(nodeId: Arg): Out<F, S[]>;
  /** `CLUSTER REPLICATE node-id` · since 3.0.0 */
  replicate(nodeId: Arg): Out<F, "OK">;
  /** `CLUSTER RESET [HARD | SOFT]` · since 3.0.0 */
  reset(options?: ClusterResetOptions): Out<F, "OK">;
  /** `CLUSTER SAVECONFIG` · since 3.0.0 */
  saveconfig(): Out<F, "OK">;
  /** `CLUSTER SET-CONFIG-EPOCH config-epoch` · since 3.0.0 */
  set_config_epoch(configEpoch: Numeric): Out<F, "OK">;
  /** `CLUSTER SETSLOT slot (IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE) [TIMEOUT timeout]` · since 3.0.0 */
  setslot(slot: Numeric, options: ClusterSetslotOptions): Out<F, "OK">;
  /** `CLUSTER SHARDS` · since 7.0.0 */
  shards(): Out<F, ClusterShard<S>[]>;
  /** `CLUSTER SLAVES node-id` · since 3.0.0 */
  slaves(nodeId: Arg): Out<F, S[]>;
  /** `CLUSTER SLOT-STATS (SLOTSRANGE {start-slot end-slot} | ORDERBY {metric [LIMIT limit] [ASC | DESC]})` · since 8.0.0 */
  slot_stats(options: ClusterSlotStatsOptions): Out<F, [number, Record<string, number>][]>;
  /** `CLUSTER SLOTS` · since 3.0.0 */
  slots(): Out<F, [number, number, ...ClusterSlotNode<S>[]][]>;
}

/** The commands of SENTINEL. */
export interface SentinelCommands<F extends Family, S> {
  /** `SENTINEL CKQUORUM primary-name` · since 2.8.4 */
  ckquorum(primaryName: Arg): Out<F, string>;
  /** `SENTINEL CONFIG (SET {parameter value}... | GET parameter...)` · since 6.2.0 */
  config<O extends SentinelConfigOptions = None>(options: Only<O, SentinelConfigOptions>): Out<F, When<O, "set", "OK", Record<string, S>>>;
  /** `SENTINEL DEBUG [data:{parameter value}...]` · since 7.0.0 */
  debug(data?: Pairs<Arg, Arg>): Out<F, Reply>;
  /** `SENTINEL FAILOVER primary-name` · since 2.8.4 */
  failover(primaryName: Arg): Out<F, "OK">;
  /** `SENTINEL FLUSHCONFIG` · since 2.8.4 */
  flushconfig(): Out<F, "OK">;
  /** `SENTINEL GET-MASTER-ADDR-BY-NAME primary-name` · since 2.8.4 */
  get_master_addr_by_name(primaryName: Arg): Out<F, [S, S] | null>;
  /** `SENTINEL GET-PRIMARY-ADDR-BY-NAME primary-name` · since 8.0.0 */
  get_primary_addr_by_name(primaryName: Arg): Out<F, [S, S] | null>;
  /** `SENTINEL HELP` · since 6.2.0 */
  help(): Out<F, S[]>;
  /** `SENTINEL INFO-CACHE nodename...` · since 3.2.0 */
  info_cache(...nodename: Rest<Arg>): Out<F, Reply>;
  /** `SENTINEL IS-MASTER-DOWN-BY-ADDR ip port current-epoch runid` · since 2.8.4 */
  is_master_down_by_addr(ip: Arg, port: Numeric, currentEpoch: Numeric, runid: Arg): Out<F, [number, S, number]>;
  /** `SENTINEL IS-PRIMARY-DOWN-BY-ADDR ip port current-epoch runid` · since 8.0.0 */
  is_primary_down_by_addr(ip: Arg, port: Numeric, currentEpoch: Numeric, runid: Arg): Out<F, [number, S, number]>;
  /** `SENTINEL MASTER primary-name` · since 2.8.4 */
  master(primaryName: Arg): Out<F, Record<string, S>>;
  /** `SENTINEL MASTERS` · since 2.8.4 */
  masters(): Out<F, Record<string, S>[]>;
  /** `SENTINEL MONITOR name ip port quorum` · since 2.8.4 */
  monitor(name: Arg, ip: Arg, port: Numeric, quorum: Numeric): Out<F, "OK">;
  /** `SENTINEL MYID` · since 6.2.0 */
  myid(): Out<F, S>;
  /** `SENTINEL PENDING-SCRIPTS` · since 2.8.4 */
  pending_scripts(): Out<F, SentinelScript<S>[]>;
  /** `SENTINEL PRIMARIES` · since 8.0.0 */
  primaries(): Out<F, Record<string, S>[]>;
  /** `SENTINEL PRIMARY primary-name` · since 8.0.0 */
  primary(primaryName: Arg): Out<F, Record<string, S>>;
  /** `SENTINEL REMOVE primary-name` · since 2.8.4 */
  remove(primaryName: Arg): Out<F, "OK">;
  /** `SENTINEL REPLICAS primary-name` · since 5.0.0 */
  replicas(primaryName: Arg): Out<F, Record<string, S>[]>;
  /** `SENTINEL RESET pattern` · since 2.8.4 */
  reset(pattern: Arg): Out<F, number>;
  /** `SENTINEL SENTINELS primary-name` · since 2.8.4 */
  sentinels(primaryName: Arg): Out<F, Record<string, S>[]>;
  /** `SENTINEL SET primary-name data:{option value}...` · since 2.8.4 */
  set(primaryName: Arg, data: Pairs<Arg, Arg>): Out<F, "OK">;
  /** `SENTINEL SIMULATE-FAILURE [mode:(crash-after-election|crash-after-promotion|help)...]` · since 3.2.0 */
  simulate_failure(...mode: Rest<"crash-after-election" | "CRASH-AFTER-ELECTION" | "crash-after-promotion" | "CRASH-AFTER-PROMOTION" | "help" | "HELP">): Out<F, Reply>;
  /** `SENTINEL SLAVES primary-name` · since 2.8.0 */
  slaves(primaryName: Arg): Out<F, Record<string, S>[]>;
}

/** All commands: F says what a method returns, S is string or Buffer. */
export interface CommandMethods<F extends Family, S> {
  /** `APPEND key value` · since 2.0.0 */
  append(key: Arg, value: Arg): Out<F, number>;
  /** `DECR key` · since 1.0.0 */
  decr(key: Arg): Out<F, number>;
  /** `DECRBY key decrement` · since 1.0.0 */
  decrby(key: Arg, decrement: Numeric): Out<F, number>;
  /** `GET key` · since 1.0.0 */
  get(key: Arg): Out<F, S | null>;
  /** `GETDEL key` · since 6.2.0 */
  getdel(key: Arg): Out<F, S | null>;
  /** `GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]` · since 6.2.0 */
  getex(key: Arg, options?: GetexOptions): Out<F, S | null>;
  /** `GETRANGE key start end` · since 2.4.0 */
  getrange(key: Arg, start: Numeric, end: Numeric): Out<F, S>;
  /** `GETSET key value` · since 1.0.0 */
  getset(key: Arg, value: Arg): Out<F, S | null>;
  /** `INCR key` · since 1.0.0 */
  incr(key: Arg): Out<F, number>;
  /** `INCRBY key increment` · since 1.0.0 */
  incrby(key: Arg, increment: Numeric): Out<F, number>;
  /** `INCRBYFLOAT key increment` · since 2.6.0 */
  incrbyfloat(key: Arg, increment: Numeric): Out<F, S>;
  /** `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]` · since 7.0.0 */
  lcs<O extends LcsOptions = None>(key1: Arg, key2: Arg, options?: Only<O, LcsOptions>): Out<F, When<O, "len", number, When<O, "idx", When<O, "withmatchlen", { readonly matches: [[number, number], [number, number], number][]; readonly len: number }, When<O, "idx", { readonly matches: [[number, number], [number, number]][]; readonly len: number }, S>>, When<O, "idx", { readonly matches: [[number, number], [number, number]][]; readonly len: number }, S>>>>;
  /** `MGET key...` · since 1.0.0 */
  mget(...key: Rest<Arg>): Out<F, (S | null)[]>;
  /** `MSET data:{key value}...` · since 1.0.1 */
  mset(data: Pairs<Arg, Arg>): Out<F, "OK">;
  /** `MSETNX data:{key value}...` · since 1.0.1 */
  msetnx(data: Pairs<Arg, Arg>): Out<F, number>;
  /** `PSETEX key milliseconds value` · since 2.6.0 */
  psetex(key: Arg, milliseconds: Numeric, value: Arg): Out<F, "OK">;
  /** `SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]` · since 1.0.0 */
  set<O extends SetOptions = None>(key: Arg, value: Arg, options?: Only<O, SetOptions>): Out<F, When<O, "get", S | null, When<O, "nx" | "xx", "OK" | null, "OK">>>;
  /** `SETEX key seconds value` · since 2.0.0 */
  setex(key: Arg, seconds: Numeric, value: Arg): Out<F, "OK">;
  /** `SETNX key value` · since 1.0.0 */
  setnx(key: Arg, value: Arg): Out<F, number>;
  /** `SETRANGE key offset value` · since 2.2.0 */
  setrange(key: Arg, offset: Numeric, value: Arg): Out<F, number>;
  /** `STRLEN key` · since 2.2.0 */
  strlen(key: Arg): Out<F, number>;
  /** `SUBSTR key start end` · since 1.0.0 */
  substr(key: Arg, start: Numeric, end: Numeric): Out<F, S>;
  /** `BITCOUNT key [start end [unit:(BYTE|BIT)]]` · since 2.6.0 */
  bitcount(key: Arg, options?: BitcountOptions): Out<F, number>;
  /** `BITFIELD key [operation:{(GET {encoding offset} | [OVERFLOW overflow:(WRAP|SAT|FAIL)] (SET {encoding offset value} | INCRBY {encoding offset increment}))}...]` · since 3.2.0 */
  bitfield(key: Arg, ...operation: Rest<BitfieldOperation>): Out<F, (number | null)[]>;
  /** `BITFIELD_RO key [operation:{GET {encoding offset}}...]` · since 6.0.0 */
  bitfield_ro(key: Arg, ...operation: Rest<BitfieldRoOperation>): Out<F, number[]>;
  /** `BITOP operation:(AND|OR|XOR|NOT) destkey key...` · since 2.6.0 */
  bitop(operation: "AND" | "and" | "OR" | "or" | "XOR" | "xor" | "NOT" | "not", destkey: Arg, ...key: Rest<Arg>): Out<F, number>;
  /** `BITPOS key bit [start [end [unit:(BYTE|BIT)]]]` · since 2.8.7 */
  bitpos(key: Arg, bit: Numeric, options?: Numeric | BitposOptions): Out<F, number>;
  /** `GETBIT key offset` · since 2.2.0 */
  getbit(key: Arg, offset: Numeric): Out<F, number>;
  /** `SETBIT key offset value` · since 2.2.0 */
  setbit(key: Arg, offset: Numeric, value: Numeric): Out<F, number>;
  /** `COPY source destination [DB destination-db] [REPLACE]` · since 6.2.0 */
  copy(source: Arg, destination: Arg, options?: CopyOptions): Out<F, number>;
  /** `DEL key...` · since 1.0.0 */
  del(...key: Rest<Arg>): Out<F, number>;
  /** `DUMP key` · since 2.6.0 */
  dump(key: Arg): Out<F, S | null>;
  /** `EXISTS key...` · since 1.0.0 */
  exists(...key: Rest<Arg>): Out<F, number>;
  /** `EXPIRE key seconds [NX | XX | GT | LT]` · since 1.0.0 */
  expire(key: Arg, seconds: Numeric, options?: ExpireOptions): Out<F, number>;
  /** `EXPIREAT key unix-time-seconds [NX | XX | GT | LT]` · since 1.2.0 */
  expireat(key: Arg, unixTimeSeconds: Numeric, options?: ExpireatOptions): Out<F, number>;
  /** `EXPIRETIME key` · since 7.0.0 */
  expiretime(key: Arg): Out<F, number>;
  /** `KEYS pattern` · since 1.0.0 */
  keys(pattern: Arg): Out<F, S[]>;
  /** `MIGRATE host port key destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2 {username password}] [KEYS keys...]` · since 2.6.0 */
  migrate(host: Arg, port: Numeric, key: Arg, destinationDb: Numeric, timeout: Numeric, options?: MigrateOptions): Out<F, string>;
  /** `MOVE key db` · since 1.0.0 */
  move(key: Arg, db: Numeric): Out<F, number>;
  /** `PERSIST key` · since 2.2.0 */
  persist(key: Arg): Out<F, number>;
  /** `PEXPIRE key milliseconds [NX | XX | GT | LT]` · since 2.6.0 */
  pexpire(key: Arg, milliseconds: Numeric, options?: PexpireOptions): Out<F, number>;
  /** `PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]` · since 2.6.0 */
  pexpireat(key: Arg, unixTimeMilliseconds: Numeric, options?: PexpireatOptions): Out<F, number>;
  /** `PEXPIRETIME key` · since 7.0.0 */
  pexpiretime(key: Arg): Out<F, number>;
  /** `PTTL key` · since 2.6.0 */
  pttl(key: Arg): Out<F, number>;
  /** `RANDOMKEY` · since 1.0.0 */
  randomkey(): Out<F, S | null>;
  /** `RENAME key newkey` · since 1.0.0 */
  rename(key: Arg, newkey: Arg): Out<F, "OK">;
  /** `RENAMENX key newkey` · since 1.0.0 */
  renamenx(key: Arg, newkey: Arg): Out<F, number>;
  /** `RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]` · since 2.6.0 */
  restore(key: Arg, ttl: Numeric, serializedValue: Arg, options?: RestoreOptions): Out<F, "OK">;
  /** `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]` · since 2.8.0 */
  scan(cursor: Numeric, options?: ScanOptions): Out<F, [string, S[]]>;
  /** `SORT key [BY by-pattern] [LIMIT {offset count}] [GET get-pattern]... [ASC | DESC] [ALPHA] [STORE destination]` · since 1.0.0 */
  sort<O extends SortOptions = None>(key: Arg, options?: Only<O, SortOptions>): Out<F, When<O, "store", number, (S | null)[]>>;
  /** `SORT_RO key [BY by-pattern] [LIMIT {offset count}] [GET get-pattern]... [ASC | DESC] [ALPHA]` · since 7.0.0 */
  sort_ro(key: Arg, options?: SortRoOptions): Out<F, (S | null)[]>;
  /** `TOUCH key...` · since 3.2.1 */
  touch(...key: Rest<Arg>): Out<F, number>;
  /** `TTL key` · since 1.0.0 */
  ttl(key: Arg): Out<F, number>;
  /** `TYPE key` · since 1.0.0 */
  type(key: Arg): Out<F, string>;
  /** `UNLINK key...` · since 4.0.0 */
  unlink(...key: Rest<Arg>): Out<F, number>;
  /** `WAIT numreplicas timeout` · since 3.0.0 */
  wait(numreplicas: Numeric, timeout: Numeric): Out<F, number>;
  /** `WAITAOF numlocal numreplicas timeout` · since 7.2.0 */
  waitaof(numlocal: Numeric, numreplicas: Numeric, timeout: Numeric): Out<F, [number, number]>;
  /** `HDEL key field...` · since 2.0.0 */
  hdel(key: Arg, ...field: Rest<Arg>): Out<F, number>;
  /** `HEXISTS key field` · since 2.0.0 */
  hexists(key: Arg, field: Arg): Out<F, number>;
  /** `HGET key field` · since 2.0.0 */
  hget(key: Arg, field: Arg): Out<F, S | null>;
  /** `HGETALL key` · since 2.0.0 */
  hgetall(key: Arg): Out<F, Record<string, S>>;
  /** `HINCRBY key field increment` · since 2.0.0 */
  hincrby(key: Arg, field: Arg, increment: Numeric): Out<F, number>;
  /** `HINCRBYFLOAT key field increment` · since 2.6.0 */
  hincrbyfloat(key: Arg, field: Arg, increment: Numeric): Out<F, S>;
  /** `HKEYS key` · since 2.0.0 */
  hkeys(key: Arg): Out<F, S[]>;
  /** `HLEN key` · since 2.0.0 */
  hlen(key: Arg): Out<F, number>;
  /** `HMGET key field...` · since 2.0.0 */
  hmget(key: Arg, ...field: Rest<Arg>): Out<F, (S | null)[]>;
  /** `HMSET key data:{field value}...` · since 2.0.0 */
  hmset(key: Arg, data: Pairs<Arg, Arg>): Out<F, "OK">;
  /** `HRANDFIELD key [count [WITHVALUES]]` · since 6.2.0 */
  hrandfield<O extends Numeric | HrandfieldOptions = None>(key: Arg, options?: Only<O, Numeric | HrandfieldOptions>): Out<F, When<O, "withvalues", [S, S][], WhenBare<O, "count", S[], S | null>>>;
  /** `HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]` · since 2.8.0 */
  hscan<O extends HscanOptions = None>(key: Arg, cursor: Numeric, options?: Only<O, HscanOptions>): Out<F, When<O, "novalues", [string, S[]], [string, [S, S][]]>>;
  /** `HSET key data:{field value}...` · since 2.0.0 */
  hset(key: Arg, data: Pairs<Arg, Arg>): Out<F, number>;
  /** `HSETNX key field value` · since 2.0.0 */
  hsetnx(key: Arg, field: Arg, value: Arg): Out<F, number>;
  /** `HSTRLEN key field` · since 3.2.0 */
  hstrlen(key: Arg, field: Arg): Out<F, number>;
  /** `HVALS key` · since 2.0.0 */
  hvals(key: Arg): Out<F, S[]>;
  /** `BLMOVE source destination wherefrom:(LEFT|RIGHT) whereto:(LEFT|RIGHT) timeout` · since 6.2.0 */
  blmove(source: Arg, destination: Arg, wherefrom: "LEFT" | "left" | "RIGHT" | "right", whereto: "LEFT" | "left" | "RIGHT" | "right", timeout: Numeric): Out<F, S | null>;
  /** `BLMPOP timeout numkeys key... where:(LEFT|RIGHT) [COUNT count]` · since 7.0.0 */
  blmpop(timeout: Numeric, key: Many<Arg>, where: "LEFT" | "left" | "RIGHT" | "right", options?: BlmpopOptions): Out<F, [S, S[]] | null>;
  /** `BLPOP key... timeout` · since 2.0.0 */
  blpop(key: Many<Arg>, timeout: Numeric): Out<F, [S, S] | null>;
  /** `BRPOP key... timeout` · since 2.0.0 */
  brpop(key: Many<Arg>, timeout: Numeric): Out<F, [S, S] | null>;
  /** `BRPOPLPUSH source destination timeout` · since 2.2.0 */
  brpoplpush(source: Arg, destination: Arg, timeout: Numeric): Out<F, S | null>;
  /** `LINDEX key index` · since 1.0.0 */
  lindex(key: Arg, index: Numeric): Out<F, S | null>;
  /** `LINSERT key where:(BEFORE|AFTER) pivot element` · since 2.2.0 */
  linsert(key: Arg, where: "BEFORE" | "before" | "AFTER" | "after", pivot: Arg, element: Arg): Out<F, number>;
  /** `LLEN key` · since 1.0.0 */
  llen(key: Arg): Out<F, number>;
  /** `LMOVE source destination wherefrom:(LEFT|RIGHT) whereto:(LEFT|RIGHT)` · since 6.2.0 */
  lmove(source: Arg, destination: Arg, wherefrom: "LEFT" | "left" | "RIGHT" | "right", whereto: "LEFT" | "left" | "RIGHT" | "right"): Out<F, S | null>;
  /** `LMPOP numkeys key... where:(LEFT|RIGHT) [COUNT count]` · since 7.0.0 */
  lmpop(key: Many<Arg>, where: "LEFT" | "left" | "RIGHT" | "right", options?: LmpopOptions): Out<F, [S, S[]] | null>;
  /** `LPOP key [count]` · since 1.0.0 */
  lpop<O extends Numeric | LpopOptions = None>(key: Arg, options?: Only<O, Numeric | LpopOptions>): Out<F, WhenBare<O, "count", S[] | null, S | null>>;
  /** `LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]` · since 6.0.6 */
  lpos<O extends LposOptions = None>(key: Arg, element: Arg, options?: Only<O, LposOptions>): Out<F, When<O, "count", number[], number | null>>;
  /** `LPUSH key element...` · since 1.0.0 */
  lpush(key: Arg, ...element: Rest<Arg>): Out<F, number>;
  /** `LPUSHX key element...` · since 2.2.0 */
  lpushx(key: Arg, ...element: Rest<Arg>): Out<F, number>;
  /** `LRANGE key start stop` · since 1.0.0 */
  lrange(key: Arg, start: Numeric, stop: Numeric): Out<F, S[]>;
  /** `LREM key count element` · since 1.0.0 */
  lrem(key: Arg, count: Numeric, element: Arg): Out<F, number>;
  /** `LSET key index element` · since 1.0.0 */
  lset(key: Arg, index: Numeric, element: Arg): Out<F, "OK">;
  /** `LTRIM key start stop` · since 1.0.0 */
  ltrim(key: Arg, start: Numeric, stop: Numeric): Out<F, "OK">;
  /** `RPOP key [count]` · since 1.0.0 */
  rpop<O extends Numeric | RpopOptions = None>(key: Arg, options?: Only<O, Numeric | RpopOptions>): Out<F, WhenBare<O, "count", S[] | null, S | null>>;
  /** `RPOPLPUSH source destination` · since 1.2.0 */
  rpoplpush(source: Arg, destination: Arg): Out<F, S | null>;
  /** `RPUSH key element...` · since 1.0.0 */
  rpush(key: Arg, ...element: Rest<Arg>): Out<F, number>;
  /** `RPUSHX key element...` · since 2.2.0 */
  rpushx(key: Arg, ...element: Rest<Arg>): Out<F, number>;
  /** `SADD key member...` · since 1.0.0 */
  sadd(key: Arg, ...member: Rest<Arg>): Out<F, number>;
  /** `SCARD key` · since 1.0.0 */
  scard(key: Arg): Out<F, number>;
  /** `SDIFF key...` · since 1.0.0 */
  sdiff(...key: Rest<Arg>): Out<F, S[]>;
  /** `SDIFFSTORE destination key...` · since 1.0.0 */
  sdiffstore(destination: Arg, ...key: Rest<Arg>): Out<F, number>;
  /** `SINTER key...` · since 1.0.0 */
  sinter(...key: Rest<Arg>): Out<F, S[]>;
  /** `SINTERCARD numkeys key... [LIMIT limit]` · since 7.0.0 */
  sintercard(key: Many<Arg>, options?: SintercardOptions): Out<F, number>;
  /** `SINTERSTORE destination key...` · since 1.0.0 */
  sinterstore(destination: Arg, ...key: Rest<Arg>): Out<F, number>;
  /** `SISMEMBER key member` · since 1.0.0 */
  sismember(key: Arg, member: Arg): Out<F, number>;
  /** `SMEMBERS key` · since 1.0.0 */
  smembers(key: Arg): Out<F, S[]>;
  /** `SMISMEMBER key member...` · since 6.2.0 */
  smismember(key: Arg, ...member: Rest<Arg>): Out<F, number[]>;
  /** `SMOVE source destination member` · since 1.0.0 */
  smove(source: Arg, destination: Arg, member: Arg): Out<F, number>;
  /** `SPOP key [count]` · since 1.0.0 */
  spop<O extends Numeric | SpopOptions = None>(key: Arg, options?: Only<O, Numeric | SpopOptions>): Out<F, WhenBare<O, "count", S[], S | null>>;
  /** `SRANDMEMBER key [count]` · since 1.0.0 */
  srandmember<O extends Numeric | SrandmemberOptions = None>(key: Arg, options?: Only<O, Numeric | SrandmemberOptions>): Out<F, WhenBare<O, "count", S[], S | null>>;
  /** `SREM key member...` · since 1.0.0 */
  srem(key: Arg, ...member: Rest<Arg>): Out<F, number>;
  /** `SSCAN key cursor [MATCH pattern] [COUNT count]` · since 2.8.0 */
  sscan(key: Arg, cursor: Numeric, options?: SscanOptions): Out<F, [string, S[]]>;
  /** `SUNION key...` · since 1.0.0 */
  sunion(...key: Rest<Arg>): Out<F, S[]>;
  /** `SUNIONSTORE destination key...` · since 1.0.0 */
  sunionstore(destination: Arg, ...key: Rest<Arg>): Out<F, number>;
  /** `BZMPOP timeout numkeys key... where:(MIN|MAX) [COUNT count]` · since 7.0.0 */
  bzmpop(timeout: Numeric, key: Many<Arg>, where: "MIN" | "min" | "MAX" | "max", options?: BzmpopOptions): Out<F, [S, [S, number][]] | null>;
  /** `BZPOPMAX key... timeout` · since 5.0.0 */
  bzpopmax(key: Many<Arg>, timeout: Numeric): Out<F, [S, S, number] | null>;
  /** `BZPOPMIN key... timeout` · since 5.0.0 */
  bzpopmin(key: Many<Arg>, timeout: Numeric): Out<F, [S, S, number] | null>;
  /** `ZADD key [NX | XX] [GT | LT] [CH] [INCR] data:{score member}...` · since 1.2.0 */
  zadd<O extends ZaddOptions = None>(key: Arg, data: Pairs<Numeric, Arg>, options?: Only<O, ZaddOptions>): Out<F, When<O, "incr", number | null, number>>;
  /** `ZCARD key` · since 1.2.0 */
  zcard(key: Arg): Out<F, number>;
  /** `ZCOUNT key min max` · since 2.0.0 */
  zcount(key: Arg, min: Numeric, max: Numeric): Out<F, number>;
  /** `ZDIFF numkeys key... [WITHSCORES]` · since 6.2.0 */
  zdiff<O extends ZdiffOptions = None>(key: Many<Arg>, options?: Only<O, ZdiffOptions>): Out<F, When<O, "withscores", [S, number][], S[]>>;
  /** `ZDIFFSTORE destination numkeys key...` · since 6.2.0 */
  zdiffstore(destination: Arg, ...key: Rest<Arg>): Out<F, number>;
  /** `ZINCRBY key increment member` · since 1.2.0 */
  zincrby(key: Arg, increment: Numeric, member: Arg): Out<F, number>;
  /** `ZINTER numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate:(SUM|MIN|MAX)] [WITHSCORES]` · since 6.2.0 */
  zinter<O extends ZinterOptions = None>(key: Many<Arg>, options?: Only<O, ZinterOptions>): Out<F, When<O, "withscores", [S, number][], S[]>>;
  /** `ZINTERCARD numkeys key... [LIMIT limit]` · since 7.0.0 */
  zintercard(key: Many<Arg>, options?: ZintercardOptions): Out<F, number>;
  /** `ZINTERSTORE destination numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate:(SUM|MIN|MAX)]` · since 2.0.0 */
  zinterstore(destination: Arg, key: Many<Arg>, options?: ZinterstoreOptions): Out<F, number>;
  /** `ZLEXCOUNT key min max` · since 2.8.9 */
  zlexcount(key: Arg, min: Arg, max: Arg): Out<F, number>;
  /** `ZMPOP numkeys key... where:(MIN|MAX) [COUNT count]` · since 7.0.0 */
  zmpop(key: Many<Arg>, where: "MIN" | "min" | "MAX" | "max", options?: ZmpopOptions): Out<F, [S, [S, number][]] | null>;
  /** `ZMSCORE key member...` · since 6.2.0 */
  zmscore(key: Arg, ...member: Rest<Arg>): Out<F, (number | null)[]>;
  /** `ZPOPMAX key [count]` · since 5.0.0 */
  zpopmax<O extends Numeric | ZpopmaxOptions = None>(key: Arg, options?: Only<O, Numeric | ZpopmaxOptions>): Out<F, WhenBare<O, "count", [S, number][], [S, number] | null>>;
  /** `ZPOPMIN key [count]` · since 5.0.0 */
  zpopmin<O extends Numeric | ZpopminOptions = None>(key: Arg, options?: Only<O, Numeric | ZpopminOptions>): Out<F, WhenBare<O, "count", [S, number][], [S, number] | null>>;
  /** `ZRANDMEMBER key [count [WITHSCORES]]` · since 6.2.0 */
  zrandmember<O extends Numeric | ZrandmemberOptions = None>(key: Arg, options?: Only<O, Numeric | ZrandmemberOptions>): Out<F, When<O, "withscores", [S, number][], WhenBare<O, "count", S[], S | null>>>;
  /** `ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT {offset count}] [WITHSCORES]` · since 1.2.0 */
  zrange<O extends ZrangeOptions = None>(key: Arg, start: Arg, stop: Arg, options?: Only<O, ZrangeOptions>): Out<F, When<O, "withscores", [S, number][], S[]>>;
  /** `ZRANGEBYLEX key min max [LIMIT {offset count}]` · since 2.8.9 */
  zrangebylex(key: Arg, min: Arg, max: Arg, options?: ZrangebylexOptions): Out<F, S[]>;
  /** `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT {offset count}]` · since 1.0.5 */
  zrangebyscore<O extends ZrangebyscoreOptions = None>(key: Arg, min: Numeric, max: Numeric, options?: Only<O, ZrangebyscoreOptions>): Out<F, When<O, "withscores", [S, number][], S[]>>;
  /** `ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT {offset count}]` · since 6.2.0 */
  zrangestore(dst: Arg, src: Arg, min: Arg, max: Arg, options?: ZrangestoreOptions): Out<F, number>;
  /** `ZRANK key member [WITHSCORE]` · since 2.0.0 */
  zrank<O extends ZrankOptions = None>(key: Arg, member: Arg, options?: Only<O, ZrankOptions>): Out<F, When<O, "withscore", [number, number] | null, number | null>>;
  /** `ZREM key member...` · since 1.2.0 */
  zrem(key: Arg, ...member: Rest<Arg>): Out<F, number>;
  /** `ZREMRANGEBYLEX key min max` · since 2.8.9 */
  zremrangebylex(key: Arg, min: Arg, max: Arg): Out<F, number>;
  /** `ZREMRANGEBYRANK key start stop` · since 2.0.0 */
  zremrangebyrank(key: Arg, start: Numeric, stop: Numeric): Out<F, number>;
  /** `ZREMRANGEBYSCORE key min max` · since 1.2.0 */
  zremrangebyscore(key: Arg, min: Numeric, max: Numeric): Out<F, number>;
  /** `ZREVRANGE key start stop [WITHSCORES]` · since 1.2.0 */
  zrevrange<O extends ZrevrangeOptions = None>(key: Arg, start: Numeric, stop: Numeric, options?: Only<O, ZrevrangeOptions>): Out<F, When<O, "withscores", [S, number][], S[]>>;
  /** `ZREVRANGEBYLEX key max min [LIMIT {offset count}]` · since 2.8.9 */
  zrevrangebylex(key: Arg, max: Arg, min: Arg, options?: ZrevrangebylexOptions): Out<F, S[]>;
  /** `ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT {offset count}]` · since 2.2.0 */
  zrevrangebyscore<O extends ZrevrangebyscoreOptions = None>(key: Arg, max: Numeric, min: Numeric, options?: Only<O, ZrevrangebyscoreOptions>): Out<F, When<O, "withscores", [S, number][], S[]>>;
  /** `ZREVRANK key member [WITHSCORE]` · since 2.0.0 */
  zrevrank<O extends ZrevrankOptions = None>(key: Arg, member: Arg, options?: Only<O, ZrevrankOptions>): Out<F, When<O, "withscore", [number, number] | null, number | null>>;
  /** `ZSCAN key cursor [MATCH pattern] [COUNT count] [NOSCORES]` · since 2.8.0 */
  zscan<O extends ZscanOptions = None>(key: Arg, cursor: Numeric, options?: Only<O, ZscanOptions>): Out<F, When<O, "noscores", [string, S[]], [string, [S, number][]]>>;
  /** `ZSCORE key member` · since 1.2.0 */
  zscore(key: Arg, member: Arg): Out<F, number | null>;
  /** `ZUNION numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate:(SUM|MIN|MAX)] [WITHSCORES]` · since 6.2.0 */
  zunion<O extends ZunionOptions = None>(key: Many<Arg>, options?: Only<O, ZunionOptions>): Out<F, When<O, "withscores", [S, number][], S[]>>;
  /** `ZUNIONSTORE destination numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate:(SUM|MIN|MAX)]` · since 2.0.0 */
  zunionstore(destination: Arg, key: Many<Arg>, options?: ZunionstoreOptions): Out<F, number>;
  /** `PFADD key [element...]` · since 2.8.9 */
  pfadd(key: Arg, ...element: Rest<Arg>): Out<F, number>;
  /** `PFCOUNT key...` · since 2.8.9 */
  pfcount(...key: Rest<Arg>): Out<F, number>;
  /** `PFMERGE destkey [sourcekey...]` · since 2.8.9 */
  pfmerge(destkey: Arg, ...sourcekey: Rest<Arg>): Out<F, "OK">;
  /** `GEOADD key [NX | XX] [CH] data:{longitude latitude member}...` · since 3.2.0 */
  geoadd(key: Arg, data: readonly (readonly [Numeric, Numeric, Arg])[], options?: GeoaddOptions): Out<F, number>;
  /** `GEODIST key member1 member2 [unit:(m|km|ft|mi)]` · since 3.2.0 */
  geodist(key: Arg, member1: Arg, member2: Arg, options?: "m" | "M" | "km" | "KM" | "ft" | "FT" | "mi" | "MI" | GeodistOptions): Out<F, S | null>;
  /** `GEOHASH key [member...]` · since 3.2.0 */
  geohash(key: Arg, ...member: Rest<Arg>): Out<F, (S | null)[]>;
  /** `GEOPOS key [member...]` · since 3.2.0 */
  geopos(key: Arg, ...member: Rest<Arg>): Out<F, ([number, number] | null)[]>;
  /** `GEORADIUS key longitude latitude radius unit:(m|km|ft|mi) [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE storekey | STOREDIST storedistkey]` · since 3.2.0 */
  georadius<O extends GeoradiusOptions = None>(key: Arg, longitude: Numeric, latitude: Numeric, radius: Numeric, unit: "m" | "M" | "km" | "KM" | "ft" | "FT" | "mi" | "MI", options?: Only<O, GeoradiusOptions>): Out<F, When<O, "store" | "storedist", number, When<O, "withcoord" | "withdist" | "withhash", GeoMatch<S, O>[], S[]>>>;
  /** `GEORADIUSBYMEMBER key member radius unit:(m|km|ft|mi) [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE storekey | STOREDIST storedistkey]` · since 3.2.0 */
  georadiusbymember<O extends GeoradiusbymemberOptions = None>(key: Arg, member: Arg, radius: Numeric, unit: "m" | "M" | "km" | "KM" | "ft" | "FT" | "mi" | "MI", options?: Only<O, GeoradiusbymemberOptions>): Out<F, When<O, "store" | "storedist", number, When<O, "withcoord" | "withdist" | "withhash", GeoMatch<S, O>[], S[]>>>;
  /** `GEORADIUSBYMEMBER_RO key member radius unit:(m|km|ft|mi) [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]` · since 3.2.10 */
  georadiusbymember_ro<O extends GeoradiusbymemberRoOptions = None>(key: Arg, member: Arg, radius: Numeric, unit: "m" | "M" | "km" | "KM" | "ft" | "FT" | "mi" | "MI", options?: Only<O, GeoradiusbymemberRoOptions>): Out<F, When<O, "withcoord" | "withdist" | "withhash", GeoMatch<S, O>[], S[]>>;
  /** `GEORADIUS_RO key longitude latitude radius unit:(m|km|ft|mi) [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]` · since 3.2.10 */
  georadius_ro<O extends GeoradiusRoOptions = None>(key: Arg, longitude: Numeric, latitude: Numeric, radius: Numeric, unit: "m" | "M" | "km" | "KM" | "ft" | "FT" | "mi" | "MI", options?: Only<O, GeoradiusRoOptions>): Out<F, When<O, "withcoord" | "withdist" | "withhash", GeoMatch<S, O>[], S[]>>;
  /** `GEOSEARCH key (FROMMEMBER member | FROMLONLAT {longitude latitude}) (BYRADIUS {radius unit:(m|km|ft|mi)} | BYBOX {width height unit:(m|km|ft|mi)}) [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]` · since 6.2.0 */
  geosearch<O extends GeosearchOptions = None>(key: Arg, options: Only<O, GeosearchOptions>): Out<F, When<O, "withcoord" | "withdist" | "withhash", GeoMatch<S, O>[], S[]>>;
  /** `GEOSEARCHSTORE destination source (FROMMEMBER member | FROMLONLAT {longitude latitude}) (BYRADIUS {radius unit:(m|km|ft|mi)} | BYBOX {width height unit:(m|km|ft|mi)}) [ASC | DESC] [COUNT count [ANY]] [STOREDIST]` · since 6.2.0 */
  geosearchstore(destination: Arg, source: Arg, options: GeosearchstoreOptions): Out<F, number>;
  /** `XACK key group id...` · since 5.0.0 */
  xack(key: Arg, group: Arg, ...id: Rest<Arg>): Out<F, number>;
  /** `XADD key [NOMKSTREAM] [(MAXLEN {[operator:(=|~)] threshold} | MINID {[operator:(=|~)] threshold}) [LIMIT count]] id data:{field value}...` · since 5.0.0 */
  xadd<O extends XaddOptions = None>(key: Arg, id: Arg, data: Pairs<Arg, Arg>, options?: Only<O, XaddOptions>): Out<F, When<O, "nomkstream", S | null, S>>;
  /** `XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]` · since 6.2.0 */
  xautoclaim<O extends XautoclaimOptions = None>(key: Arg, group: Arg, consumer: Arg, minIdleTime: Arg, start: Arg, options?: Only<O, XautoclaimOptions>): Out<F, When<O, "justid", [S, S[], S[]], [S, (StreamEntry<S> | null)[], S[]]>>;
  /** `XCLAIM key group consumer min-idle-time id... [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]` · since 5.0.0 */
  xclaim<O extends XclaimOptions = None>(key: Arg, group: Arg, consumer: Arg, minIdleTime: Arg, id: Many<Arg>, options?: Only<O, XclaimOptions>): Out<F, When<O, "justid", S[], (StreamEntry<S> | null)[]>>;
  /** `XDEL key id...` · since 5.0.0 */
  xdel(key: Arg, ...id: Rest<Arg>): Out<F, number>;
  /** `XLEN key` · since 5.0.0 */
  xlen(key: Arg): Out<F, number>;
  /** `XPENDING key group [[IDLE min-idle-time] start end count [consumer]]` · since 5.0.0 */
  xpending<O extends XpendingOptions = None>(key: Arg, group: Arg, options?: Only<O, XpendingOptions>): Out<F, When<O, "start", [S, S, number, number][], [number, S | null, S | null, [S, S][] | null]>>;
  /** `XRANGE key start end [COUNT count]` · since 5.0.0 */
  xrange(key: Arg, start: Arg, end: Arg, options?: XrangeOptions): Out<F, StreamEntry<S>[]>;
  /** `XREAD [COUNT count] [BLOCK milliseconds] STREAMS streams:{key, id}...` · since 5.0.0 */
  xread(streams: Pairs<Arg, Arg>, options?: XreadOptions): Out<F, Record<string, StreamEntry<S>[]> | null>;
  /** `XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS streams:{key, id}...` · since 5.0.0 */
  xreadgroup(group: Arg, consumer: Arg, streams: Pairs<Arg, Arg>, options?: XreadgroupOptions): Out<F, Record<string, PendingEntry<S>[]> | null>;
  /** `XREVRANGE key end start [COUNT count]` · since 5.0.0 */
  xrevrange(key: Arg, end: Arg, start: Arg, options?: XrevrangeOptions): Out<F, StreamEntry<S>[]>;
  /** `XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]` · since 5.0.0 */
  xsetid(key: Arg, lastId: Arg, options?: XsetidOptions): Out<F, "OK">;
  /** `XTRIM key (MAXLEN {[operator:(=|~)] threshold} | MINID {[operator:(=|~)] threshold}) [LIMIT count]` · since 5.0.0 */
  xtrim(key: Arg, options: XtrimOptions): Out<F, number>;
  /** `PUBLISH channel message` · since 2.0.0 */
  publish(channel: Arg, message: Arg): Out<F, number>;
  /** `SPUBLISH shardchannel message` · since 7.0.0 */
  spublish(shardchannel: Arg, message: Arg): Out<F, number>;
  /** `UNWATCH` · since 2.2.0 */
  unwatch(): Out<F, "OK">;
  /** `WATCH key...` · since 2.2.0 */
  watch(...key: Rest<Arg>): Out<F, "OK">;
  /** `EVAL script numkeys [key...] [arg...]` · since 2.6.0 */
  eval(script: Arg, key?: Many<Arg>, ...arg: Rest<Arg>): Out<F, Reply>;
  /** `EVALSHA sha1 numkeys [key...] [arg...]` · since 2.6.0 */
  evalsha(sha1: Arg, key?: Many<Arg>, ...arg: Rest<Arg>): Out<F, Reply>;
  /** `EVALSHA_RO sha1 numkeys [key...] [arg...]` · since 7.0.0 */
  evalsha_ro(sha1: Arg, key?: Many<Arg>, ...arg: Rest<Arg>): Out<F, Reply>;
  /** `EVAL_RO script numkeys [key...] [arg...]` · since 7.0.0 */
  eval_ro(script: Arg, key?: Many<Arg>, ...arg: Rest<Arg>): Out<F, Reply>;
  /** `FCALL function numkeys [key...] [arg...]` · since 7.0.0 */
  fcall(functionName: Arg, key?: Many<Arg>, ...arg: Rest<Arg>): Out<F, Reply>;
  /** `FCALL_RO function numkeys [key...] [arg...]` · since 7.0.0 */
  fcall_ro(functionName: Arg, key?: Many<Arg>, ...arg: Rest<Arg>): Out<F, Reply>;
  /** `AUTH [username] password` · since 1.0.0 */
  auth(password: Arg, options?: AuthOptions): Out<F, "OK">;
  /** `ECHO message` · since 1.0.0 */
  echo(message: Arg): Out<F, S>;
  /** `HELLO [protover [AUTH {username password}] [SETNAME clientname]]` · since 6.0.0 */
  hello(options?: Numeric | HelloOptions): Out<F, ServerHello<S>>;
  /** `PING [message]` · since 1.0.0 */
  ping<O extends Arg | PingOptions = None>(options?: Only<O, Arg | PingOptions>): Out<F, WhenBare<O, "message", S, "PONG">>;
  /** `QUIT` · since 1.0.0 */
  quit(): Out<F, "OK">;
  /** `RESET` · since 6.2.0 */
  reset(): Out<F, "RESET">;
  /** `SELECT index` · since 1.0.0 */
  select(index: Numeric): Out<F, "OK">;
  /** `BGREWRITEAOF` · since 1.0.0 */
  bgrewriteaof(): Out<F, string>;
  /** `BGSAVE [SCHEDULE | CANCEL]` · since 1.0.0 */
  bgsave(options?: BgsaveOptions): Out<F, string>;
  /** `DBSIZE` · since 1.0.0 */
  dbsize(): Out<F, number>;
  /** `DEBUG subcommand [arg...]` · since 1.0.0 */
  debug(subcommand: Arg, ...arg: Rest<Arg>): Out<F, Reply>;
  /** `FAILOVER [TO {host port [FORCE]}] [ABORT] [TIMEOUT milliseconds]` · since 6.2.0 */
  failover(options?: FailoverOptions): Out<F, "OK">;
  /** `FLUSHALL [ASYNC | SYNC]` · since 1.0.0 */
  flushall(options?: FlushallOptions): Out<F, "OK">;
  /** `FLUSHDB [ASYNC | SYNC]` · since 1.0.0 */
  flushdb(options?: FlushdbOptions): Out<F, "OK">;
  /** `INFO [section...]` · since 1.0.0 */
  info(...section: Rest<Arg>): Out<F, S>;
  /** `LASTSAVE` · since 1.0.0 */
  lastsave(): Out<F, number>;
  /** `LOLWUT [VERSION version]` · since 5.0.0 */
  lolwut(options?: LolwutOptions): Out<F, S>;
  /** `REPLICAOF host port` · since 5.0.0 */
  replicaof(host: Arg, port: Arg): Out<F, string>;
  /** `ROLE` · since 2.8.12 */
  role(): Out<F, Role<S>>;
  /** `SAVE` · since 1.0.0 */
  save(): Out<F, "OK">;
  /** `SHUTDOWN [[NOSAVE | SAVE] [NOW] [FORCE] | ABORT]` · since 1.0.0 */
  shutdown(options?: ShutdownOptions): Out<F, string>;
  /** `SLAVEOF host port` · since 1.0.0 */
  slaveof(host: Arg, port: Arg): Out<F, string>;
  /** `SWAPDB index1 index2` · since 4.0.0 */
  swapdb(index1: Numeric, index2: Numeric): Out<F, "OK">;
  /** `TIME` · since 2.6.0 */
  time(): Out<F, [S, S]>;
  /** `ASKING` · since 3.0.0 */
  asking(): Out<F, "OK">;
  /** `READONLY` · since 3.0.0 */
  readonly(): Out<F, "OK">;
  /** `READWRITE` · since 3.0.0 */
  readwrite(): Out<F, "OK">;
  /** The commands of OBJECT. */
  readonly object: ObjectCommands<F, S>;
  /** The commands of XGROUP. */
  readonly xgroup: XgroupCommands<F, S>;
  /** The commands of XINFO. */
  readonly xinfo: XinfoCommands<F, S>;
  /** The commands of PUBSUB. */
  readonly pubsub: PubsubCommands<F, S>;
  /** The commands of FUNCTION. */
  readonly function: FunctionCommands<F, S>;
  /** The commands of SCRIPT. */
  readonly script: ScriptCommands<F, S>;
  /** The commands of CLIENT. */
  readonly client: ClientCommands<F, S>;
  /** The commands of ACL. */
  readonly acl: AclCommands<F, S>;
  /** The commands of COMMAND. */
  readonly command: CommandCommands<F, S>;
  /** The commands of CONFIG. */
  readonly config: ConfigCommands<F, S>;
  /** The commands of LATENCY. */
  readonly latency: LatencyCommands<F, S>;
  /** The commands of MEMORY. */
  readonly memory: MemoryCommands<F, S>;
  /** The commands of MODULE. */
  readonly module: ModuleCommands<F, S>;
  /** The commands of SLOWLOG. */
  readonly slowlog: SlowlogCommands<F, S>;
  /** The commands of CLUSTER. */
  readonly cluster: ClusterCommands<F, S>;
  /** The commands of SENTINEL. */
  readonly sentinel: SentinelCommands<F, S>;
}

/** All commands, as promises of decoded replies. */
export interface Commands extends CommandMethods<PromiseFamily, string> {}

/** All commands, as promises of replies whose strings are Buffers. */
export interface BufferCommands extends CommandMethods<PromiseFamily, Buffer> {}
