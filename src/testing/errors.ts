/** What went wrong with a test server. */
export type TestServerErrorCode =
  | "ERR_SERVER_NOT_FOUND"
  | "ERR_SERVER_OPTIONS"
  | "ERR_SERVER_START"
  | "ERR_SERVER_STOPPED"
  | "ERR_SERVER_TOPOLOGY";

/** A test server could not be found, started or reached. */
export class TestServerError extends Error {
  override readonly name = "TestServerError";
  readonly code: TestServerErrorCode;
  /** The last lines that the server logged, oldest first; empty where it never ran. */
  readonly log: readonly string[];

  constructor(code: TestServerErrorCode, message: string, log: readonly string[] = []) {
    super(log.length === 0 ? message : `${message}\n${log.map((line) => `  | ${line}`).join("\n")}`);
    this.code = code;
    this.log = log;
  }
}
