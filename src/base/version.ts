/** The version of the package, as the server is told; a test compares it with package.json. */
export const VERSION: string = "0.1.0";
