/** Debian's keepalived on a router: two of them share addresses, which the one with the higher priority has (VRRP). */

import type { Namespace } from "./lab.ts";
import type { Process } from "./process.ts";

/** An address that routers share on one network. */
export interface SharedAddress {
  /** The router's interface. */
  readonly device: string;
  /** With the prefix length. */
  readonly address: string;
  /** The same on all routers, and unique in the network. */
  readonly virtualRouterId: number;
}

/** Starts keepalived; the shared addresses move together, as in the README of the relay. */
export async function startKeepalived(
  router: Namespace,
  priority: number,
  addresses: readonly SharedAddress[],
): Promise<Process> {
  const folder = router.folder("keepalived");
  const instances = addresses.map(({ device, address, virtualRouterId }) => `
vrrp_instance ${device} {
  state BACKUP
  interface ${device}
  virtual_router_id ${virtualRouterId}
  priority ${priority}
  advert_int 1
  virtual_ipaddress {
    ${address}
  }
}`);
  const group = `
vrrp_sync_group gateway {
  group {
    ${addresses.map(({ device }) => device).join("\n    ")}
  }
}`;
  await Deno.writeTextFile(`${folder}/keepalived.conf`, `${group}${instances.join("\n")}\n`);
  return router.spawn([
    ...["keepalived", "--dont-fork", "--log-console", "--vrrp", `--use-file=${folder}/keepalived.conf`],
    ...[`--pid=${folder}/pid`, `--vrrp_pid=${folder}/vrrp`],
  ], { label: `keepalived in ${router.name}` });
}
