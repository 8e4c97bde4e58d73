/** One thing that disturbs the client. */
interface Spell {
  readonly from: number;
  to: number;
  /** How long it is felt when it has healed, ms, beyond what everything is. */
  readonly tail: number;
  /** Whether something of it is left that nobody has healed. */
  readonly lasts: () => boolean;
}

/** When the world was in disorder: what is no fault of the client's must not be laid at its door, and nothing else may be. */
export class Trouble {
  readonly #spells: Spell[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** When the latest has healed, as it was planned, ms. */
  get end(): number {
    return Math.max(0, ...this.#spells.map(({ to }) => to));
  }

  /** Something begins, for so many ms at least. */
  begin(duration: number, tail: number = 0, lasts: () => boolean = () => false): void {
    const from = this.#now();
    this.#spells.push({ from, to: from + duration, tail, lasts });
  }

  /** Whether there was none in all of this time, nor for `settling` ms before it. */
  wasCalm(from: number, to: number, settling: number): boolean {
    // Whatever lasts has lasted until now: nobody tells when a link that is dead was given up.
    for (const spell of this.#spells) if (spell.lasts()) spell.to = Math.max(spell.to, this.#now());
    return this.#spells.every((spell) => to < spell.from || from > spell.to + spell.tail + settling);
  }
}
