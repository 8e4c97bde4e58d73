/** Which client takes part in which workload. */
import { clients } from "./catalogue.mjs";

/** What a client does not have is left out, not run and failed. */
export function takesPart(name, { name: workload, step = workload, driver, suite, tls, cluster, needs }) {
  const { role, beyond, only, without = [], cluster: hasCluster = false, suite: own = "clients" } = clients[name];
  if (suite !== own) return false;
  if (suite === "caches") return (role === "form") === (driver === "forms");
  if (cluster) return hasCluster;
  if (role === "single") return false;
  if (only !== undefined && !only.includes(step)) return false;
  if (without.includes(step)) return false;
  // The floor has GET and SET, and no TLS.
  if (role === "floor" && (tls || needs !== undefined)) return false;
  return driver === "closed" || driver === "open-loop" || beyond.includes(driver);
}
