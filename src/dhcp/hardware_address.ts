/** Which hardware addresses (`htype` and `chaddr`, RFC 2131 §2) can be one client's own. */

/** RFC 1700, "hardware types": Ethernet, and the other IEEE 802 networks, whose addresses have the same form. */
export const ETHERNET = 1;
const IEEE_802 = 6;

const IEEE_802_BYTES = 6;

/** An Ethernet address with its type in front, as clients are known by it. */
export function typedEthernet(address: Uint8Array): Uint8Array {
  return Uint8Array.of(ETHERNET, ...address);
}

/**
 * Whether a frame to this address reaches one Ethernet station.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(isEthernetStation(1, Uint8Array.of(2, 0, 0, 0, 0, 1)), true);
 * strictEqual(isEthernetStation(1, Uint8Array.of(1, 0, 0, 0, 0, 1)), false); // a group
 * ```
 */
export function isEthernetStation(htype: number, chaddr: Uint8Array): boolean {
  return htype === ETHERNET && chaddr.length === IEEE_802_BYTES && !isNoStation(htype, chaddr);
}

/**
 * Whether no client can have this address: all zero, broadcast or multicast (the group bit of IEEE 802). False for
 * networks whose addresses have another form, and without an address (RFC 4390 §2.1).
 */
export function isNoStation(htype: number, chaddr: Uint8Array): boolean {
  if ((htype !== ETHERNET && htype !== IEEE_802) || chaddr.length === 0) return false;
  const isGroup = chaddr.length === IEEE_802_BYTES && ((chaddr[0] as number) & 1) !== 0;
  return isGroup || chaddr.every((octet) => octet === 0);
}
