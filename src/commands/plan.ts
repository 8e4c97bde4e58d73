import { signatureOf, type Param, type Signature, type Step } from "./signature.ts";
import { jsName, type ArgumentNode } from "./grammar.ts";
import { OptionsPlan, putMany, putSingle } from "./options-plan.ts";
import { isArg, type Draft, type Put } from "./put.ts";
import { refuseCall } from "./refuse.ts";

/** Turns a method's parameters into the flat arguments of the wire, after the command's grammar. */
export class Plan {
  readonly #command: string;
  readonly #signature: Signature;
  readonly #puts: readonly Put[];
  readonly #options: OptionsPlan | null;
  readonly #required: number;

  constructor(command: string, grammar: readonly ArgumentNode[]) {
    this.#command = command;
    this.#signature = signatureOf(grammar);
    this.#puts = this.#signature.params.map((param) => putParam(param));
    this.#required = this.#signature.params.filter((param) => !param.optional).length;
    const nodes = this.#signature.steps.filter((step) => step.kind === "options").map((step) => step.node);
    this.#options = nodes.length === 0 ? null : new OptionsPlan(nodes);
  }

  /** @throws OptionsError for a call that does not fit the grammar */
  draft(given: readonly unknown[]): Draft {
    const { params, steps, hasOptions, variadic } = this.#signature;
    const draft: Draft = { command: this.#command, args: [], given: [] };
    const values = variadic ? gather(given, params.length) : given;
    if (values.length < this.#required || values.length > params.length + (hasOptions ? 1 : 0)) {
      this.#refuseCount(given.length);
    }
    const options = hasOptions ? this.#optionsOf(values, params.length) : null;
    let option = 0;
    for (const step of steps) {
      if (step.kind === "param") this.#param(step, values, draft);
      else this.#options?.put(option++, options, draft);
    }
    return draft;
  }

  #param(step: Step & { kind: "param" }, values: readonly unknown[], draft: Draft): void {
    const { param, index } = step;
    if (index < values.length) (this.#puts[index] as Put)(values[index], draft);
    else if (param.counted) draft.args.push(0);
  }

  #optionsOf(values: readonly unknown[], index: number): Record<string, unknown> | null {
    const { bare, optionsRequired } = this.#signature;
    if (index >= values.length) {
      if (optionsRequired)
        refuseCall(this.#command, "options", `expected an object with ${this.#known()}, got nothing`);
      return null;
    }
    const given = values[index];
    if (bare !== null && isArg(given)) return { [jsName(bare.name)]: given };
    return (this.#options as OptionsPlan).check(given, this.#command, "");
  }

  #known(): string {
    return (this.#options as OptionsPlan).names.join(", ");
  }

  #refuseCount(got: number): never {
    const { params, hasOptions, variadic } = this.#signature;
    const names = params.map(({ node, optional }, index) => {
      const name = `${variadic && index === params.length - 1 ? "..." : ""}${jsName(node.name)}`;
      return optional ? `${name}?` : name;
    });
    if (hasOptions) names.push(this.#signature.optionsRequired ? "options" : "options?");
    const expected = names.length === 0 ? "no arguments" : `(${names.join(", ")})`;
    return refuseCall(this.#command, "", `expected ${expected}, got ${got} argument${got === 1 ? "" : "s"}`);
  }
}

/** The values behind the last fixed parameter are one list, given as values or as one array. */
function gather(given: readonly unknown[], count: number): readonly unknown[] {
  if (given.length < count) return given;
  const last = given.length === count ? given[count - 1] : given.slice(count - 1);
  return [...given.slice(0, count - 1), last];
}

function putParam(param: Param): Put {
  const label = jsName(param.node.name);
  const put = param.node.many ? putMany(param.node, label, param.optional) : putSingle(param.node, label);
  const counted = param.counted ? putCounted(put) : put;
  const { literal } = param;
  if (literal === null) return counted;
  return (value, draft) => {
    draft.args.push(literal);
    counted(value, draft);
  };
}

/** Sends how many values follow before them. */
function putCounted(put: Put): Put {
  return (value, draft) => {
    const at = draft.args.length;
    draft.args.push(0);
    put(value, draft);
    draft.args[at] = draft.args.length - at - 1;
  };
}
