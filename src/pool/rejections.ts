import type { QueueFullError } from "../base/errors.ts";
import type { Request } from "../commands/request.ts";

const settled = Promise.resolve();

/**
 * Rejects what was refused when the code that runs has come to its end, and its callers listen: for a promise that is rejected
 * before anybody does, Node keeps books of unhandled rejections. They cost twice what the refusal does, and refusals come in thousands.
 */
export class Rejections {
  #requests: Request[] = [];
  #errors: QueueFullError[] = [];
  readonly #end = (): void => {
    const requests = this.#requests;
    const errors = this.#errors;
    this.#requests = [];
    this.#errors = [];
    for (const [index, request] of requests.entries()) request.reject(errors[index]);
  };

  add(request: Request, error: QueueFullError): void {
    this.#errors.push(error);
    if (this.#requests.push(request) === 1) void settled.then(this.#end);
  }
}
