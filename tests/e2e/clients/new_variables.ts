/** The `new_…` variables that dhclient and dhcpcd both pass to their scripts. */

import type { Lease } from "./real_client.ts";
import type { Variables } from "./event_file.ts";

/** Reads the lease of an event. */
export function newLease(variables: Variables): Lease {
  return {
    address: variables["new_ip_address"] ?? "",
    serverIdentifier: variables["new_dhcp_server_identifier"] ?? "",
    leaseSeconds: Number(variables["new_dhcp_lease_time"]),
    subnetMask: variables["new_subnet_mask"] ?? "",
    router: variables["new_routers"]?.split(" ")[0] ?? "",
    nameServer: variables["new_domain_name_servers"]?.split(" ")[0] ?? "",
  };
}
