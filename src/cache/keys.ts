import { OptionsError } from "../index.ts";
import { refuse } from "./validate.ts";

const GZ = ":gz";

/** `#` separates what the cache keeps for itself from the entries, whose names begin with the namespace and `:`. */
const NAMESPACE = /^[^\s#{}*?[\]\\]{1,128}$/;

/** The names of the keys of one namespace. */
export class Keys {
  readonly #namespace: string;

  constructor(namespace: unknown) {
    if (typeof namespace !== "string" || !NAMESPACE.test(namespace))
      refuse(
        "namespace",
        'a string of 1 to 128 characters without spaces and any of # { } * ? [ ] \\, such as "user"',
        namespace,
      );
    this.#namespace = namespace;
  }

  /** The key of an entry; ids are strings or numbers. */
  entry(id: unknown): string {
    if (typeof id !== "string" && typeof id !== "number")
      throw wrongId(`a string or number, got ${id === null ? "null" : typeof id}`);
    const key = `${this.#namespace}:${id}`;
    if (!isWellFormed(key)) throw wrongId("well-formed Unicode, got one with half of a surrogate pair");
    if (key.includes("}") && hashTag(key) === null)
      throw wrongId(
        'one in which a "}" has a "{" before it and something in between: Redis Cluster takes that for the part that decides on the slot',
      );
    return key;
  }

  /** The id of an entry's key. */
  id(key: string): string {
    return key.slice(this.#namespace.length + 1);
  }

  /** The key of an entry's lock: in the slot of the entry. */
  lock(entry: string): string {
    return `${this.#lockPrefix}${hashTag(entry) === null ? `{${entry}}` : this.id(entry)}`;
  }

  /** The key of a tag's version. */
  tag(name: unknown): string {
    if (typeof name !== "string" || name === "" || !isWellFormed(name))
      return refuse("a tag", "a string of well-formed Unicode that is not empty", name);
    return `${this.tagPrefix}${name}`;
  }

  /** What the keys of all tags begin with. */
  get tagPrefix(): string {
    return `${this.#namespace}#tag:`;
  }

  /** The tag that a key has the version of; null for any other key. */
  tagOf(key: string): string | null {
    const { tagPrefix } = this;
    return key.startsWith(tagPrefix) ? key.slice(tagPrefix.length) : null;
  }

  /** The older convention: the gzip of the JSON beside the key. */
  zipped(entry: string): string {
    return entry + GZ;
  }

  /** The entry's key, of either of its two. */
  unzipped(key: string): string {
    return key.endsWith(GZ) ? key.slice(0, -GZ.length) : key;
  }

  /** The channel on which is told which entries were filled. */
  get channel(): string {
    return `${this.#namespace}#filled`;
  }

  /** Matches the keys of all entries whose ids begin with `prefix`, for SCAN. */
  pattern(prefix: string): string {
    return `${this.#namespace}:${prefix.replace(/[*?[\]\\^]/g, "\\$&")}*`;
  }

  /** Matches the keys of all locks. */
  get lockPattern(): string {
    return `${this.#lockPrefix}*`;
  }

  /** Whether a lock's key is that of an entry whose id begins with `prefix`. */
  isLockOf(key: string, prefix: string): boolean {
    const lock = this.#lockPrefix;
    return key.startsWith(`${lock}{${this.prefix}${prefix}`) || key.startsWith(lock + prefix);
  }

  /** What the keys of all entries begin with. */
  get prefix(): string {
    return `${this.#namespace}:`;
  }

  get #lockPrefix(): string {
    return `${this.#namespace}#lock:`;
  }
}

function wrongId(expected: string): OptionsError {
  return new OptionsError("id", `id must be ${expected}`);
}

/** The part of a key that decides on its slot, where that is not the whole of it. */
function hashTag(key: string): string | null {
  const open = key.indexOf("{");
  const close = open === -1 ? -1 : key.indexOf("}", open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : null;
}

/** Whether no half of a surrogate pair stands alone: such a name would come back from the server as another one. */
function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}
