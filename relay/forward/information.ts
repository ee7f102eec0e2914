/**
 * The relay agent information that an interface adds to its clients' requests (option 82, RFC 3046). It depends on
 * configuration only, so it is encoded once and not per request.
 */

import {
  encodeRelayAgentInformation,
  RELAY_FLAG_UNICAST,
  type RelayAgentInformation,
} from "../../src/dhcp/relayAgentInformation.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { ForwardInterface } from "./config.ts";

/** What goes into option 82. */
export interface InformationOptions {
  /** Names the interface to this relay and to the server (RFC 3046 §3.1). */
  readonly circuitId: Uint8Array;
  /** Names this relay, or the interface, among all (RFC 3046 §3.2). */
  readonly remoteId: Uint8Array;
  /** The relay's address on the client's link. */
  readonly giaddr: Ipv4;
  /** Tell the server which link the client is on (RFC 3527). */
  readonly linkSelection: boolean;
  /** Make clients see the relay as their server, so that they renew through it (RFC 5107). */
  readonly serverIdentifierOverride: boolean;
}

/**
 * Encodes option 82 for requests that came as broadcasts and for those that came by unicast. They differ in the flags
 * sub-option (RFC 5010), which RFC 5107 §4 wants beside the override: by it the server tells renewing clients from
 * rebinding ones.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const { broadcast } = informationFor({
 *   circuitId: Uint8Array.of(7),
 *   remoteId: Uint8Array.of(8, 9),
 *   giaddr: 0x0a4d0001,
 *   linkSelection: true,
 *   serverIdentifierOverride: false,
 * });
 * deepStrictEqual(broadcast, Uint8Array.of(1, 1, 7, 2, 2, 8, 9, 5, 4, 10, 77, 0, 1));
 * ```
 */
export function informationFor(options: InformationOptions): ForwardInterface["information"] {
  const { circuitId, remoteId, giaddr } = options;
  const common: RelayAgentInformation = {
    circuitId,
    remoteId,
    ...(options.linkSelection ? { linkSelection: giaddr } : {}),
  };
  const variant = (flags: number) =>
    encodeRelayAgentInformation(
      options.serverIdentifierOverride ? { ...common, flags, serverIdentifierOverride: giaddr } : common,
    );
  return { broadcast: variant(0), unicast: variant(RELAY_FLAG_UNICAST) };
}
