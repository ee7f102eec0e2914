/** The configuration that nodes serve: two client networks. */

import { formatIpv4, type Ipv4, parseIpv4 } from "../../src/net/ipv4.ts";
import { LANS } from "../e2e/lab/topology.ts";
import type { ServiceConfig } from "../e2e/programs/programs.ts";
import { LEASE_SECONDS, LEASE_SECONDS_MAX } from "./limits.ts";

/** How long a declined address rests: short, or a long run would have none left. */
const DECLINE_SECONDS = 60;
const NETWORKS = [{ prefix: "10.77", lan: LANS[0] }, { prefix: "10.78", lan: LANS[1] }] as const;

interface ServiceOptions {
  /** How many addresses each network has. */
  readonly addresses: number;
  readonly leaseSeconds?: number;
  readonly nameServer?: string;
}

export function serviceOf(
  { addresses, leaseSeconds = LEASE_SECONDS, nameServer = "10.77.0.53" }: ServiceOptions,
): ServiceConfig & { readonly maxLeaseTime: number } {
  return {
    revision: 1,
    authoritative: true,
    leaseTime: leaseSeconds,
    maxLeaseTime: LEASE_SECONDS_MAX,
    declineTime: DECLINE_SECONDS,
    subnets: NETWORKS.map(({ prefix, lan }) => {
      const first = parseIpv4(`${prefix}.1.0`) as Ipv4;
      return {
        subnet: `${prefix}.0.0/16`,
        pools: [`${formatIpv4(first)}-${formatIpv4(first + addresses - 1)}`],
        options: { routers: [lan.gateway], "domain-name-servers": [nameServer] },
      };
    }),
  };
}
