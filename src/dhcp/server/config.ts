/**
 * The `service` section after validation: what the leader distributes and every node serves. Reading it from YAML is
 * `src/config`'s business; turning it into answers is `compiled_service.ts`'s.
 */

import type { Options } from "../message.ts";
import type { Ipv4, Prefix, Range } from "../../net/ipv4.ts";

/** What may be said at every level; the most specific level that says something wins. */
export interface LeaseSettingsConfig {
  /** Lease time when the client asks for none. All times in whole seconds. */
  readonly leaseSeconds?: number;
  /** Bounds for a time the client asks for (option 51). */
  readonly minLeaseSeconds?: number;
  readonly maxLeaseSeconds?: number;
  /** T1 (option 58). */
  readonly renewSeconds?: number;
  /** T2 (option 59). */
  readonly rebindSeconds?: number;
  /** `siaddr`: the next server of a booting client. */
  readonly nextServer?: Ipv4;
  /** `sname`, or option 66 when the client asks for it. */
  readonly serverName?: string;
  /** `file`, or option 67 when the client asks for it. */
  readonly bootFile?: string;
  /** Encoded option values by code. */
  readonly options: Options;
}

/** Clients that match get the class's options; it wins over subnet and pool, a reservation wins over it. */
export interface ClassConfig extends LeaseSettingsConfig {
  readonly name: string;
  /** All that are given must match. */
  readonly match: {
    /** Prefix of option 60. */
    readonly vendorClass?: string;
    /** One of the user classes in option 77 (RFC 3004, or the bare text that iPXE sends). */
    readonly userClass?: string;
    /** Any of these in option 93 (RFC 4578 §2.1). */
    readonly architecture?: readonly number[];
  };
}

/** Addresses that are given to whoever asks. */
export interface PoolConfig extends LeaseSettingsConfig {
  readonly range: Range;
}

/** One client's own address; it may lie inside or outside the pools and is never given to anybody else. */
export interface ReservationConfig extends LeaseSettingsConfig {
  /** Exactly one of `hardware` (Ethernet unless `htype` says otherwise) and `clientId` is given. */
  readonly hardware?: Uint8Array;
  readonly clientId?: Uint8Array;
  readonly address: Ipv4;
  readonly hostname?: string;
}

/** A network with its pools and reservations. */
export interface SubnetConfig extends LeaseSettingsConfig {
  readonly prefix: Prefix;
  readonly pools: readonly PoolConfig[];
  readonly reservations: readonly ReservationConfig[];
}

/** The whole section. Subnets don't overlap; pools don't overlap and lie in their subnet; nor do reservations. */
export interface ServiceConfig extends LeaseSettingsConfig {
  readonly revision: number;
  /** How long a declined address rests. */
  readonly declineSeconds: number;
  /** Answer with DHCPNAK what is wrong for its network (RFC 2131 §4.3.2). */
  readonly authoritative: boolean;
  /** Answer a DHCPDISCOVER that asks for it with a DHCPACK (RFC 4039). */
  readonly rapidCommit: boolean;
  readonly classes: readonly ClassConfig[];
  readonly subnets: readonly SubnetConfig[];
}
