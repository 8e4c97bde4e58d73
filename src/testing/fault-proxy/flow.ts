import type { Socket } from "node:net";
import type { ActiveFault } from "./fault.ts";
import type { FaultDirection } from "./options.ts";

/** Bytes per second are kept in steps of so many ms. */
const SLOW_STEP = 20;

/** The proxy and the connection, as one direction of the connection sees them. */
export interface FlowSource {
  readonly id: number;
  /** All faults that were injected and are not over. */
  readonly faults: Iterable<ActiveFault>;
  /** Settles when the connection has ended. */
  readonly ended: Promise<void>;
  forwarded(direction: FaultDirection, bytes: number): void;
  /** So many bytes have passed that a cut is due; they have arrived. */
  cutIsDue(fault: ActiveFault): void;
}

/** One direction of one connection: what it is given goes out in its order, as the faults of the moment let it. */
export class Flow {
  readonly #source: FlowSource;
  readonly #direction: FaultDirection;
  readonly #to: Socket;
  /** Faults of a command that hold everything since. */
  readonly #holds = new Set<ActiveFault>();
  #before = Promise.resolve();

  constructor(source: FlowSource, direction: FaultDirection, to: Socket) {
    this.#source = source;
    this.#direction = direction;
    this.#to = to;
  }

  /** Sends bytes on, behind everything before them; `own` are faults for these bytes alone. */
  send(bytes: Buffer, own: readonly ActiveFault[] = []): void {
    this.#queue(own, () => this.#write(bytes, own));
  }

  /** Does something in its place among the bytes. */
  step(action: () => void | Promise<void>): void {
    this.#queue([], action);
  }

  /** Holds everything back from now on, as long as the fault lasts. */
  hold(fault: ActiveFault): void {
    this.#holds.add(fault);
  }

  /** Settles when nothing is held back. */
  async calm(): Promise<void> {
    for (let hold = this.#heldBy(); hold !== undefined; hold = this.#heldBy()) {
      await Promise.race([hold.ended, this.#source.ended]);
      this.#holds.delete(hold);
      if (this.#to.destroyed) return;
    }
  }

  #queue(own: readonly ActiveFault[], action: () => void | Promise<void>): void {
    const due = performance.now() + this.#delay(own);
    this.#before = this.#before.then(async () => {
      await this.#pause(due - performance.now(), this.#source.ended);
      await this.calm();
      await action();
    });
  }

  /** The faults of a kind that act on bytes now. */
  *#acting(kind: ActiveFault["kind"], own: readonly ActiveFault[]): Generator<ActiveFault> {
    for (const fault of own) if (fault.kind === kind && fault.isActive) yield fault;
    for (const fault of this.#source.faults) {
      if (fault.kind !== kind || !fault.isActive || fault.isByCommand) continue;
      if (!fault.isToward(this.#direction) || !fault.isFor(this.#source.id)) continue;
      fault.hits++;
      yield fault;
    }
  }

  #heldBy(): ActiveFault | undefined {
    for (const fault of this.#holds) if (fault.isActive) return fault;
    const [hold] = this.#acting("blackhole", []);
    return hold;
  }

  #delay(own: readonly ActiveFault[]): number {
    let sum = 0;
    for (const { spec } of this.#acting("delay", own))
      if (spec.kind === "delay") sum += spec.options.ms + Math.random() * (spec.options.jitter ?? 0);
    return sum;
  }

  #rate(own: readonly ActiveFault[]): { fault: ActiveFault; bytesPerSecond: number } | null {
    for (const fault of this.#acting("slow", own))
      if (fault.spec.kind === "slow") return { fault, bytesPerSecond: fault.spec.options.bytesPerSecond };
    return null;
  }

  /** A cut that is waiting for bytes of this direction. */
  #cutAhead(): ActiveFault | undefined {
    for (const fault of this.#source.faults) {
      const { spec } = fault;
      if (spec.kind !== "cut" || !fault.isActive || fault.bytesLeft === Number.POSITIVE_INFINITY) continue;
      if ((spec.options.direction ?? "toClient") === this.#direction && fault.isFor(this.#source.id)) return fault;
    }
    return undefined;
  }

  async #write(bytes: Buffer, own: readonly ActiveFault[]): Promise<void> {
    const to = this.#to;
    for (let rest = bytes; rest.length > 0 && !to.destroyed && !to.writableEnded;) {
      const slow = this.#rate(own);
      const [split] = this.#acting("split", own);
      const step = slow === null ? rest.length : Math.max(1, Math.floor((slow.bytesPerSecond * SLOW_STEP) / 1000));
      const cut = this.#cutAhead();
      const piece = rest.subarray(0, Math.min(split === undefined ? step : 1, cut?.bytesLeft ?? rest.length));
      rest = rest.subarray(piece.length);
      const hasRoom = to.write(piece);
      this.#source.forwarded(this.#direction, piece.length);
      if (cut !== undefined && (cut.bytesLeft -= piece.length) === 0) {
        await new Promise<void>((resolve) => to.end(resolve)); // so that the bytes before the cut arrive
        this.#source.cutIsDue(cut);
        return;
      }
      if (slow !== null) {
        await this.#pause((piece.length / slow.bytesPerSecond) * 1000, this.#source.ended, slow.fault.ended);
        await this.calm();
      } else if (split !== undefined) await new Promise<void>((resolve) => setImmediate(resolve));
      else if (!hasRoom) await drained(to);
    }
  }

  /** Waits, but not beyond any of the promises. */
  async #pause(ms: number, ...ends: readonly Promise<void>[]): Promise<void> {
    if (ms <= 0) return;
    let timer: NodeJS.Timeout | undefined;
    const passed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([passed, ...ends]);
    clearTimeout(timer);
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
    if (socket.destroyed) done();
  });
}
