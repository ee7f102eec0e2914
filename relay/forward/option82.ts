/**
 * Option 82, the relay agent information that an interface adds to its clients' requests (RFC 3046). It depends on
 * configuration only, so it is encoded once and not per request.
 */

import {
  encodeRelayAgentInformation,
  RELAY_FLAG_UNICAST,
  type RelayAgentInformation,
} from "../../src/dhcp/relay_agent_information.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Gateway } from "./config.ts";

/** The sub-options of option 82. */
interface Option82Options {
  /** Identifies the interface to this relay and to the server (RFC 3046 §3.1). */
  readonly circuitId: Uint8Array;
  /** Globally unique id of this relay or of the interface (RFC 3046 §3.2). */
  readonly remoteId: Uint8Array;
  /** Identifies the customer behind the interface (RFC 3993 §3). */
  readonly subscriberId?: Uint8Array;
  /** Identifies this relay independently of its interfaces (RFC 6925 §5). */
  readonly relayId?: Uint8Array;
  /** An address in the client's subnet, from which the server selects the subnet (RFC 3527). */
  readonly linkSelection?: Ipv4;
  /** Clients see this relay address as their server, so that they renew through the relay (RFC 5107). */
  readonly serverIdentifierOverride?: Ipv4;
}

/**
 * Encodes option 82 for requests received by broadcast and by unicast. They differ in the flags sub-option (RFC 5010),
 * which RFC 5107 §4 requires beside the override: it tells the server a renewing client from a rebinding one.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const { broadcast } = option82For({
 *   circuitId: Uint8Array.of(7),
 *   remoteId: Uint8Array.of(8, 9),
 *   linkSelection: 0x0a4d0001,
 * });
 * deepStrictEqual(broadcast, Uint8Array.of(1, 1, 7, 2, 2, 8, 9, 5, 4, 10, 77, 0, 1));
 * ```
 */
export function option82For(options: Option82Options): Gateway["information"] {
  const common: RelayAgentInformation = options;
  const variant = (flags: number) =>
    encodeRelayAgentInformation(
      options.serverIdentifierOverride === undefined ? common : { ...common, flags },
    );
  return { broadcast: variant(0), unicast: variant(RELAY_FLAG_UNICAST) };
}
