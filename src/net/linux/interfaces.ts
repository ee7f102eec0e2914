/**
 * The machine's interfaces through `getifaddrs`: all of them, with or without an address, in the kernel's order. Takes
 * no permission besides that for libc.
 */

import type { NetworkInterface } from "../network_interface.ts";
import type { Ipv4 } from "../ipv4.ts";
import { AF_INET, AF_PACKET } from "./abi.ts";
import { lastRefusal } from "./socket.ts";
import { libc } from "./libc.ts";

/** `struct ifaddrs`: next, name, flags (padded), address, netmask, …: eight octets each. */
const IFADDRS = { size: 40, next: 0, name: 8, address: 24, netmask: 32 } as const;

function read(address: number, length: number): DataView<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  libc().copyFrom(bytes, address, length);
  return new DataView(bytes.buffer);
}

function text(address: number): string {
  const length = Number(libc().strlen(address));
  return new TextDecoder().decode(read(address, length));
}

function pointer(structure: DataView, offset: number): number {
  return Number(structure.getBigUint64(offset, true));
}

/** The address in a `struct sockaddr_in`. */
function internetAddress(address: number): Ipv4 {
  return read(address, 8).getUint32(4);
}

function prefixLength(mask: Ipv4): number {
  // The kernel keeps prefix lengths, so the mask's ones are its leading bits.
  return Math.clz32(~mask);
}

/** All interfaces, in the order of their indexes. */
export function linuxInterfaces(): NetworkInterface[] {
  const head = new Uint8Array(8);
  if (libc().getifaddrs(head) < 0) throw lastRefusal({ what: "list the network interfaces" });
  const first = pointer(new DataView(head.buffer), 0);
  const found = new Map<string, { index: number; mac: Uint8Array; addresses: NetworkInterface["addresses"] }>();
  try {
    for (let at = first; at !== 0;) {
      const entry = read(at, IFADDRS.size);
      at = pointer(entry, IFADDRS.next);
      const address = pointer(entry, IFADDRS.address);
      if (address === 0) continue;
      const family = read(address, 2).getUint16(0, true);
      const name = text(pointer(entry, IFADDRS.name));
      if (family === AF_PACKET) {
        // struct sockaddr_ll: index at 4, length of the hardware address at 11, the address itself from 12.
        const link = read(address, 20);
        const mac = new Uint8Array(link.buffer.slice(12, 12 + Math.min(8, link.getUint8(11))));
        found.set(name, { index: link.getInt32(4, true), mac, addresses: [] });
      } else if (family === AF_INET) {
        const mask = pointer(entry, IFADDRS.netmask);
        const own = {
          address: internetAddress(address),
          prefixLength: mask === 0 ? 32 : prefixLength(internetAddress(mask)),
        };
        const known = found.get(name);
        if (known !== undefined) known.addresses = [...known.addresses, own];
      }
    }
  } finally {
    libc().freeifaddrs(first);
  }
  return Array.from(found, ([name, rest]) => ({ name, ...rest }));
}
