/**
 * Where the relay sends a reply on the client's link (RFC 2131 §4.1). Sending (ARP, frames, broadcast sockets) is left
 * to the driver.
 */

import { type Ipv4, UNSPECIFIED } from "../net/ipv4.ts";
import { isEthernetStation } from "./hardware_address.ts";
import { BROADCAST_FLAG, CLIENT_PORT, type Message, MESSAGE_TYPE } from "./message.ts";

/** What the choice depends on. */
export type Reply = Pick<Message, "ciaddr" | "yiaddr" | "flags" | "htype" | "chaddr"> & {
  /** The reply's option 53. */
  readonly messageType: number;
};

/** How a client is reached on its own link. */
export type ClientDestination =
  /** As any other datagram: the client owns the address. */
  | { readonly kind: "ip"; readonly to: Ipv4; readonly port: number }
  /** To 255.255.255.255. */
  | { readonly kind: "broadcast"; readonly port: number }
  /** In a frame to `mac`: the client does not answer ARP for `to` yet. */
  | { readonly kind: "link"; readonly to: Ipv4; readonly mac: Uint8Array; readonly port: number };

const BROADCAST: ClientDestination = { kind: "broadcast", port: CLIENT_PORT };

/**
 * The choice on the client's link, as of a server without a relay: the reply's `giaddr` is the relay's own address.
 * RFC 2131 §4.1:
 *
 * > If the 'giaddr' field is zero and the 'ciaddr' field is nonzero, then the server unicasts DHCPOFFER and DHCPACK
 * > messages to the address in 'ciaddr'. If 'giaddr' is zero and 'ciaddr' is zero, and the broadcast bit is set, then
 * > the server broadcasts DHCPOFFER and DHCPACK messages to 0xffffffff. If the broadcast bit is not set and 'giaddr' is
 * > zero and 'ciaddr' is zero, then the server unicasts DHCPOFFER and DHCPACK messages to the client's hardware address
 * > and 'yiaddr' address. In all cases, when 'giaddr' is zero, the server broadcasts any DHCPNAK messages to
 * > 0xffffffff.
 *
 * What can't be put into a frame (no Ethernet address, no `yiaddr`) is broadcast: every client has to take that.
 * The answer to a DHCPINFORM needs no rule of its own: it goes to `ciaddr` (§4.3.5).
 */
export function clientDestination(reply: Reply): ClientDestination {
  const { ciaddr, yiaddr, chaddr } = reply;
  if (reply.messageType === MESSAGE_TYPE.NAK) return BROADCAST;
  if (ciaddr !== UNSPECIFIED) return { kind: "ip", to: ciaddr, port: CLIENT_PORT };
  if ((reply.flags & BROADCAST_FLAG) !== 0) return BROADCAST;
  if (yiaddr === UNSPECIFIED || !isEthernetStation(reply.htype, chaddr)) return BROADCAST;
  return { kind: "link", to: yiaddr, mac: chaddr, port: CLIENT_PORT };
}
