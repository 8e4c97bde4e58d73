/**
 * Real Redis and Valkey servers for tests.
 *
 * @see docs/testing.md
 * @packageDocumentation
 */
export type { ServerConfig } from "./config.ts";
export { TestServerError, type TestServerErrorCode } from "./errors.ts";
export { findServer, type ServerBinary } from "./find.ts";
export { startServer, type StartServerOptions, type TestServer, type TestTls, type TestTlsOptions } from "./server.ts";
