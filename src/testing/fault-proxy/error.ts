/** A fault proxy was asked for something that it cannot do. */
export class FaultProxyError extends Error {
  override readonly name = "FaultProxyError";
  readonly code = "ERR_FAULT_OPTIONS";
  /** The option that was refused. */
  readonly option: string;

  constructor(option: string, message: string) {
    super(message);
    this.option = option;
  }
}
