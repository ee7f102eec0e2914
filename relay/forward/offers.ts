/** The last offer that each client got through this relay: its DHCPREQUEST goes to the node that made it. */

import { decode } from "../../src/dhcp/decode.ts";
import { OPTIONS, readOption } from "../../src/dhcp/options/mod.ts";
import { type Ipv4, UNSPECIFIED } from "../../src/net/ipv4.ts";

/** A delivered DHCPOFFER. */
export interface Offer {
  /** Index of the node. */
  readonly node: number;
  readonly address: Ipv4;
  /** Option 54, which the client repeats; {@link UNSPECIFIED} without one. */
  readonly serverIdentifier: Ipv4;
}

/**
 * Whether a DHCPREQUEST selects this offer (RFC 2131 §4.3.2, SELECTING), so that the node must answer it. It is decoded
 * as a node does: one that no node understands, which any client can send, says nothing about them.
 */
export function selectsOffer(bytes: Uint8Array, offer: Offer): boolean {
  const decoded = decode(bytes);
  if (!decoded.ok || offer.serverIdentifier === UNSPECIFIED) return false;
  const { options, ciaddr } = decoded.value;
  const server = readOption(options, OPTIONS.serverIdentifier);
  const requested = readOption(options, OPTIONS.requestedIpAddress);
  return ciaddr === UNSPECIFIED && server.kind === "present" && server.value === offer.serverIdentifier &&
    requested.kind === "present" && requested.value === offer.address;
}
