import { OptionsError } from "./errors.ts";
import { describe } from "./validate.ts";

/** A user of the server, with the password. */
export interface Credentials {
  /** ACL user. Default: the server's user `default`. */
  username?: string | undefined;
  password: string;
}

/** Returns the credentials of the moment; asked before each connection. */
export type CredentialsProvider = () => Credentials | Promise<Credentials>;

/** The part of the resolved options that is about credentials. */
export interface ResolvedCredentials {
  readonly credentials: CredentialsProvider | null;
  readonly credentialsAreStatic: boolean;
}

/** Checks `username`, `password` and `credentials`. What is kept is a function, so that printing shows no secret. */
export function resolveCredentials(given: Readonly<Record<string, unknown>>): ResolvedCredentials {
  const { username, password, credentials } = given;
  if (credentials !== undefined) {
    const other = password !== undefined ? "password" : username !== undefined ? "username" : null;
    if (other !== null) {
      throw new OptionsError("credentials", `credentials and ${other} exclude each other: leave one of them out`);
    }
    if (typeof credentials !== "function")
      refuseSecret("credentials", credentials, "a function that returns { username, password }");
    const provider = credentials as CredentialsProvider;
    return { credentials: () => checkedAnswer(provider()), credentialsAreStatic: false };
  }
  if (password === undefined) {
    if (username === undefined) return { credentials: null, credentialsAreStatic: true };
    throw new OptionsError("username", "username is given without a password: pass the password too");
  }
  if (password === "" && username === undefined) {
    throw new OptionsError("password", "password must not be empty: leave it out for none");
  }
  const fixed = Object.freeze(checkCredentials({ username, password }, ""));
  return { credentials: () => fixed, credentialsAreStatic: true };
}

function checkedAnswer(answer: Credentials | Promise<Credentials>): Credentials | Promise<Credentials> {
  // Not instanceof: the promise may be another library's.
  if (typeof (answer as Partial<Promise<Credentials>> | null)?.then === "function") {
    return (answer as Promise<Credentials>).then((later) => checkCredentials(later, "credentials()."));
  }
  return checkCredentials(answer, "credentials().");
}

/** Checks user and password; the message says only the type of what came. */
function checkCredentials(value: unknown, prefix: string): Credentials {
  if (typeof value !== "object" || value === null) refuseSecret("the answer of credentials()", value, "an object");
  const { username, password } = value as Record<string, unknown>;
  if (typeof password !== "string") refuseSecret(`${prefix}password`, password);
  if (username === undefined) return { password };
  if (typeof username !== "string") refuseSecret(`${prefix}username`, username);
  if (username === "") throw new OptionsError(`${prefix}username`, `${prefix}username must not be empty: leave it out`);
  return { username, password };
}

function refuseSecret(option: string, value: unknown, expected = "a string"): never {
  const came = value === null || value === undefined ? describe(value) : `a value of type ${typeof value}`;
  throw new OptionsError(option, `${option} must be ${expected}, got ${came}`);
}
