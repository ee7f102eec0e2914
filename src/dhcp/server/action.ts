/** What the server decided about one request. `dhcp_server.ts` performs it; nothing has happened yet. */

import type { ClientKey } from "../../lease/agreement/client_key.ts";
import type { LeaseDetail } from "../../lease/agreement/slot.ts";
import type { Ipv4, Prefix } from "../../net/ipv4.ts";
import type { Message } from "../message.ts";
import type { LeaseSettings, Pool, Subnet } from "./compiled_service.ts";
import type { LinkLimit, Shed } from "./link_budgets.ts";
import type { Via } from "./links.ts";

/** Why a request gets no answer. */
export const DROP_REASONS = [
  /** `op` is not BOOTREQUEST. */
  "notRequest",
  /** A message type that only servers send, or one this server does not know. */
  "unexpectedType",
  /** Option 50, 54 or 82 contradicts its own length. */
  "malformedOption",
  /** Neither a client identifier nor a hardware address. */
  "noIdentity",
  /** `chaddr` is zero, broadcast or multicast. */
  "noStation",
  /** The source may not set this giaddr: see `relay_trust.ts`. */
  "unknownRelay",
  /** By unicast and without a relay, though such a message is broadcast on the client's link (RFC 2131 §4.4). */
  "notRelayed",
  /** No configured subnet has the client's network. */
  "noSubnet",
  /** Its classes are among those that get no answer. */
  "denied",
  /** Its link has pools, but none for clients of its classes. */
  "noPool",
  /** The client selected another server. */
  "otherServer",
  /** The client selected another member of the cluster, which serves and will answer. */
  "otherMember",
  /** A REQUEST, DECLINE or RELEASE lacks the address it is about. */
  "noAddress",
  /** A BOOTP client for which no address is reserved, or whose address another client has. */
  "notReserved",
  /** RFC 2131 §4.3.2: no record of this client, and none that contradicts it. */
  "noRecord",
  /** Another client's lease of that address is not committed yet: neither DHCPACK nor DHCPNAK is possible. */
  "undecided",
  /** A DHCPNAK would be due, but this service is not authoritative. */
  "notAuthoritative",
  /** After a forced recovery, while leases that no node knows may still run. */
  "renewalsOnly",
  /** No address is free for this client. */
  "exhausted",
  /** Strangers on its link send more messages than `strangers.messages`. */
  "strangerRate",
  /** Its subnet is nearly full, and strangers have what `strangers` leaves them. */
  "strangerLeases",
  /** Its circuit has `maxLeasesPerCircuit` leases. */
  "circuitFull",
  /** A DECLINE or RELEASE of an address that is not this client's, or through another relay than its lease. */
  "notOwner",
] as const;

export type DropReason = (typeof DROP_REASONS)[number];

/** One decision. */
export type Action =
  /**
   * `wanted`: pools that lack an address in this node's ranges; `full`: the subnet without a free address; `shed`: the
   * limit of a link that was exceeded.
   */
  | {
    readonly kind: "drop";
    readonly reason: DropReason;
    readonly shed?: Shed;
    readonly wanted?: readonly number[];
    readonly full?: Prefix;
  }
  /** Answer at once: DHCPOFFER, DHCPNAK, or DHCPACK to a DHCPINFORM. */
  | {
    readonly kind: "reply";
    readonly reply: Message;
    readonly bytesMax: number;
    readonly wanted?: readonly number[];
  }
  /** Answer with this DHCPNAK once it is certain that the client holds no lease of the address; else stay silent. */
  | {
    readonly kind: "refuse";
    readonly address: Ipv4;
    readonly client: ClientKey;
    readonly reply: Message;
    readonly bytesMax: number;
  }
  /** Propose the lease; on commit complete `reply` by `completeAck` and send it, else stay silent. */
  | {
    readonly kind: "grant";
    readonly address: Ipv4;
    readonly client: ClientKey;
    /** The same machine as another client: its lease of the address ends first. */
    readonly former: ClientKey | undefined;
    /** A first lease, which known clients pass; how its request came. */
    readonly first: FirstLease | undefined;
    readonly xid: number;
    readonly leaseSeconds: number;
    readonly settings: LeaseSettings;
    readonly detail: LeaseDetail;
    readonly reply: Message;
    readonly bytesMax: number;
  }
  /** End the lease, without a reply (RFC 2131 §4.3.3, §4.3.4). */
  | {
    readonly kind: "end";
    readonly how: "released" | "declined";
    /** It names another member, whose record of it is on its way: end the lease only if that does not come. */
    readonly named: boolean;
    readonly address: Ipv4;
    readonly client: ClientKey;
    readonly detail: LeaseDetail;
  };

/** A first lease of a stranger. */
export interface FirstLease {
  readonly via: Via & { readonly subnet: Subnet; readonly pools: readonly Pool[] };
  /** It is agreed later, unless strangers turn out to be a flood. */
  readonly waits: boolean;
}

/** No answer. */
export function drop(reason: DropReason): Action {
  return { kind: "drop", reason };
}

/** No answer, because its link exceeds a limit. */
export function dropShed(shed: Shed): Action {
  return { kind: "drop", reason: SHED_REASONS[shed.limit], shed };
}

const SHED_REASONS: Readonly<Record<LinkLimit, DropReason>> = {
  messages: "strangerRate",
  leases: "strangerLeases",
  share: "strangerLeases",
  waiting: "strangerLeases",
  circuit: "circuitFull",
};
