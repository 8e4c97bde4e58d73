import { clearLine, cursorTo } from "node:readline";
import type { WriteStream } from "node:tty";

/** A table cell; numbers are shown with a thousands separator and stand on the right. */
export type Cell = string | number;

/** Where the demonstration writes: plain lines, and on a terminal one line that is rewritten while something is measured. */
export class Screen {
  readonly #out: WriteStream;
  readonly #isTerminal: boolean;
  readonly #hasColour: boolean;
  #parts = 0;
  /** Whether the present line is a progress line. */
  #isRewritten = false;

  constructor(out: WriteStream, environment: NodeJS.ProcessEnv) {
    this.#out = out;
    this.#isTerminal = out.isTTY === true;
    this.#hasColour = this.#isTerminal && (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb";
  }

  line(text = ""): void {
    this.#clear();
    this.#out.write(text === "" ? "\n" : `  ${text}\n`);
  }

  /** The first line of all. */
  title(text: string): void {
    this.#out.write(`${this.#bold(text)}\n`);
  }

  /** A numbered section. */
  heading(text: string): void {
    this.#parts++;
    this.#clear();
    this.#out.write(`\n${this.#bold(`${this.#parts}. ${text}`)}\n`);
  }

  /** Rows under their titles: the first column on the left, the others on the right. */
  table(titles: readonly string[], rows: readonly (readonly Cell[])[]): void {
    const texts = [titles, ...rows.map((row) => row.map(show))];
    const widths = titles.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
    for (const [index, row] of texts.entries()) {
      const cells = row.map((text, column) =>
        column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0),
      );
      const text = cells.join("   ").trimEnd();
      this.line(index === 0 ? this.#underline(text) : text);
    }
  }

  /** Says what is going on: on a terminal in one line that is rewritten, else only the first time. */
  progress(what: string, state = ""): void {
    if (!this.#isTerminal) {
      if (state === "") this.line(`… ${what}`);
      return;
    }
    this.#clear();
    const text = `  … ${what}${state === "" ? "" : `: ${state}`}`;
    this.#out.write(text.slice(0, (this.#out.columns || 80) - 1)); // some terminals say 0
    this.#isRewritten = true;
  }

  #clear(): void {
    if (!this.#isRewritten) return;
    this.#isRewritten = false;
    clearLine(this.#out, 0);
    cursorTo(this.#out, 0);
  }

  #bold(text: string): string {
    return this.#hasColour ? `\u001B[1m${text}\u001B[22m` : text;
  }

  #underline(text: string): string {
    return this.#hasColour ? `\u001B[4m${text}\u001B[24m` : text;
  }
}

/** A number with a thousands separator; small ones with their decimals. */
export function show(value: Cell): string {
  if (typeof value === "string") return value;
  return value.toLocaleString("en-GB", { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 });
}
