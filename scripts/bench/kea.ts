/** Kea's DHCPv4 server for the measurements: leases in a file, without fsync. */

import type { Namespace } from "../../tests/e2e/lab/lab.ts";
import type { Process } from "../../tests/e2e/lab/process.ts";
import { until } from "../../tests/e2e/lab/wait.ts";

const READY_MS = 15_000;

/** Its subnet and pool. */
interface KeaOptions {
  readonly subnet: string;
  readonly pool: { readonly first: string; readonly last: string };
  /** A folder of its own, as each start begins without leases. */
  readonly folder: string;
}

/** Starts it on the machine's `eth0`, and returns once it listens. */
export async function startKea(host: Namespace, { subnet, pool, folder }: KeaOptions): Promise<Process> {
  const config = {
    Dhcp4: {
      "interfaces-config": { interfaces: ["eth0"], "dhcp-socket-type": "udp" },
      "lease-database": { type: "memfile", persist: true, name: `${folder}/leases.csv` },
      "valid-lifetime": 3_600,
      subnet4: [{ id: 1, subnet, pools: [{ pool: `${pool.first} - ${pool.last}` }] }],
      loggers: [{ name: "kea-dhcp4", severity: "WARN", output_options: [{ output: "stdout" }] }],
    },
  };
  await Deno.writeTextFile(`${folder}/kea.json`, JSON.stringify(config));
  const environment = [`KEA_PIDFILE_DIR=${folder}`, `KEA_LOCKFILE_DIR=${folder}`];
  const process = host.spawn(["env", ...environment, "kea-dhcp4", "-c", `${folder}/kea.json`], { label: "kea" });
  await until("Kea to listen", READY_MS, () => {
    process.mustRun();
    return process.udpPortBound(67);
  });
  return process;
}
