/** Classless static routes (RFC 3442): destination descriptors with their routers. */

import { assert } from "../../../assert.ts";
import { formatIpv4, formatPrefix, type Ipv4, netmask, networkOf, parseIpv4, type Prefix } from "../../../net/ipv4.ts";
import { type Codec, isMapping, malformed, parseItems, present } from "../codec.ts";
import { ipv4At, putIpv4 } from "./ipv4.ts";

/** One route; router 0.0.0.0 means that the destination is on the link itself. */
export interface Route {
  readonly destination: Prefix;
  readonly router: Ipv4;
}

/** How many octets of a destination are on the wire: those that the mask reaches. */
const significantOctets = (prefixLength: number): number => (prefixLength + 7) >>> 3;

function parseRoute(input: unknown): Route | undefined {
  if (!isMapping(input) || Object.keys(input).length !== 2) return undefined;
  const { destination, router } = input;
  if (typeof destination !== "string" || typeof router !== "string") return undefined;
  // RFC 3442: bits beyond the prefix must not be sent.
  const prefix = networkOf(destination);
  const address = parseIpv4(router);
  return prefix === undefined || address === undefined ? undefined : { destination: prefix, router: address };
}

/** One or more routes. */
export const routes: Codec<Route[]> = {
  shape: "routes",
  wanted: "routes, such as [{ destination: 10.0.0.0/8, router: 192.0.2.1 }]",
  decode(bytes, code) {
    if (bytes.length === 0) return malformed(code, "badLength");
    const list: Route[] = [];
    for (let offset = 0; offset < bytes.length;) {
      const prefixLength = bytes[offset] as number;
      if (prefixLength > 32) return malformed(code, "badValue", offset);
      const octets = significantOctets(prefixLength);
      if (offset + 1 + octets + 4 > bytes.length) return malformed(code, "badLength", offset);
      let address = 0;
      for (let index = 0; index < octets; index++) {
        address |= (bytes[offset + 1 + index] as number) << (24 - 8 * index);
      }
      // RFC 3442: bits beyond the mask are to be masked away, not refused.
      const destination = { address: (address & netmask(prefixLength)) >>> 0, prefixLength };
      list.push({ destination, router: ipv4At(bytes, offset + 1 + octets) });
      offset += 1 + octets + 4;
    }
    return present(list);
  },
  encode(list) {
    assert(list.length > 0, "At least one route is needed");
    let size = 0;
    for (const { destination } of list) size += 1 + significantOctets(destination.prefixLength) + 4;
    const bytes = new Uint8Array(size);
    let offset = 0;
    for (const { destination, router } of list) {
      bytes[offset++] = destination.prefixLength;
      for (let index = 0; index < significantOctets(destination.prefixLength); index++) {
        bytes[offset++] = destination.address >>> (24 - 8 * index);
      }
      putIpv4(bytes, offset, router);
      offset += 4;
    }
    return bytes;
  },
  parse: (input) => parseItems(input, parseRoute),
  format: (list) =>
    list.map(({ destination, router }) => `${formatPrefix(destination)} via ${formatIpv4(router)}`).join(", "),
  hosts: (list) => list.map(({ router }) => router),
};
