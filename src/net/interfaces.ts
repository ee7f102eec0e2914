/**
 * The machine's network interfaces: through libc where it can be called, else from `Deno.networkInterfaces()`, which
 * takes the permission `--allow-sys=networkInterfaces` and leaves out interfaces without an address.
 */

import { fromHex } from "../bytes/hex.ts";
import { parseIpv4 } from "./ipv4.ts";
import { linuxInterfaces } from "./linux/interfaces.ts";
import { libcUnavailable } from "./linux/libc.ts";
import type { InterfaceAddress, NetworkInterface } from "./network_interface.ts";

function portableInterfaces(): NetworkInterface[] {
  const found = new Map<string, { mac: Uint8Array; addresses: InterfaceAddress[] }>();
  for (const entry of Deno.networkInterfaces()) {
    const known = found.get(entry.name) ?? { mac: fromHex(entry.mac) ?? new Uint8Array(), addresses: [] };
    found.set(entry.name, known);
    const address = entry.family === "IPv4" ? parseIpv4(entry.address) : undefined;
    if (address !== undefined) {
      known.addresses.push({ address, prefixLength: Number(entry.cidr.split("/")[1] ?? 32) });
    }
  }
  return Array.from(found, ([name, rest]) => ({ name, index: 0, ...rest }));
}

/** Lists the interfaces. */
export function listInterfaces(): NetworkInterface[] {
  return libcUnavailable() === undefined ? linuxInterfaces() : portableInterfaces();
}

/** Finds the interface of this name, with or without an address; undefined when there is none. */
export function findInterface(name: string): NetworkInterface | undefined {
  return listInterfaces().find((candidate) => candidate.name === name);
}
