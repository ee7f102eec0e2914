/** What the server reads when it decides about a request. */

import type { Offers } from "../../lease/table/offers.ts";
import type { LeaseTable } from "../../lease/table/lease_table.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { CompiledService } from "./compiled_service.ts";

export interface ServerState {
  readonly compiled: CompiledService;
  readonly table: LeaseTable;
  readonly offers: Offers;
  /** Whether the other cluster member with this address is live; undefined: no member has it. */
  isLive(address: Ipv4): boolean | undefined;
  /** Whether only renewals may be granted now: leases that no node knows may still run. */
  isRenewalsOnly(): boolean;
}
