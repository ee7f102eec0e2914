/** What the server reads when it decides about a request. */

import type { Offers } from "../../lease/table/offers.ts";
import type { Bounds } from "../../lease/agreement/clock.ts";
import type { ClientKey } from "../../lease/agreement/client_key.ts";
import type { Slot } from "../../lease/agreement/slot.ts";
import type { Version } from "../../lease/agreement/version.ts";
import type { LeaseTable } from "../../lease/table/lease_table.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { CompiledService } from "./compiled_service.ts";
import type { FloodSigns } from "./flood_signs.ts";
import type { LinkBudgets } from "./link_budgets.ts";
import type { Probes } from "./probes.ts";
import type { Recent } from "./recent.ts";
import type { RelayTrust } from "./relay_trust.ts";

/** An address that a client is not offered for a while. */
export interface Refusal {
  /** Of the REQUEST whose lease is not decided yet; undefined: the address was refused, or declined by the client. */
  readonly xid: number | undefined;
  /** This node's own attempt is undecided or has failed: whether another member's succeeded, its record tells. */
  readonly isAttempt?: true;
}

export interface ServerState {
  readonly compiled: CompiledService;
  readonly table: LeaseTable;
  readonly offers: Offers;
  readonly probes: Probes;
  readonly relays: RelayTrust;
  /** What strangers may take. */
  readonly links: LinkBudgets;
  readonly floods: FloodSigns;
  /** Whether only renewals may be granted now: leases that no node knows may still run. */
  isRenewalsOnly(): boolean;
  /**
   * Whether a member of an earlier release is live, which makes the subnet's address and a reservation part of the key:
   * this node does the same, or each would refuse the other's clients.
   */
  hasEarlierRelease(): boolean;
  /** Addresses by client. */
  readonly refused: Recent<Refusal>;
  /** The first REQUEST that named another member, by client and xid. */
  readonly named: Recent<true>;
  /** The versions of a client's leases when its exchange began here with a DHCPDISCOVER, by client and xid. */
  readonly began: Recent<readonly Version[]>;
  /** Notes an address that a relay or this node has; it matters if a pool contains it. */
  hear(address: Ipv4, time: Bounds): void;
  /** Whether a pool's address is known to be in use, by the configuration or as it was heard. */
  isUsed(address: Ipv4): boolean;
  /** Ends the rest of a declined address before its time; false when that is not possible now. */
  endRest(address: Ipv4): boolean;
  /** Ends the rest of an address as the host that uses it is a client; false when that is not possible now. */
  endConflict(address: Ipv4): boolean;
  /** Whether the other cluster member with this address serves; undefined: no member has it. */
  serves(address: Ipv4): boolean | undefined;
}

/**
 * Whether a slot has a lease of the client that a quorum accepted. A lock without a certificate may be all that is left
 * of an attempt that failed, on this node alone.
 */
export function hasLease(slot: Slot, client: ClientKey): boolean {
  return slot.state === "bound" && slot.client === client && slot.committedVersion.clock > 0;
}
