/**
 * From what relay.yaml says to what the relay works with: names of interfaces become addresses, hardware addresses
 * and encoded options. Decides nothing about packets.
 */

import { formatIpv4 } from "../src/net/ipv4.ts";
import type { NetworkInterface } from "../src/net/interfaces.ts";
import type { RelayConfig, RelayInterface } from "./config.ts";
import type { ForwardConfig } from "./forward/config.ts";
import { informationFor } from "./forward/information.ts";
import type { Link } from "./wires/wires.ts";

/** The configuration does not fit the machine; `message` is one line that says what to do. */
export class ResolveError extends Error {
  override readonly name = "ResolveError";
}

/** What the relay is built from. */
export interface Resolved {
  readonly forward: ForwardConfig;
  /** One per interface of `forward`, in the same order. */
  readonly links: readonly Link[];
}

/** Looks the interfaces up with `find`. Throws {@link ResolveError} for the first one that can't be used. */
export function resolveConfig(
  config: RelayConfig,
  find: (name: string) => NetworkInterface | undefined,
): Resolved {
  const links = config.relay.interfaces.map((wanted, index) => resolveInterface(config, wanted, index, find));
  return {
    links,
    forward: {
      interfaces: links.map((link) => link.interface),
      nodes: config.nodes.map(({ id, address, port }) => ({ id, address, port })),
      hopsMax: config.relay.hopsMax,
    },
  };
}

function resolveInterface(
  config: RelayConfig,
  wanted: RelayInterface,
  index: number,
  find: (name: string) => NetworkInterface | undefined,
): Link {
  const { name, trusted } = wanted;
  const place = `relay.interfaces[${index}]`;
  const found = find(name);
  if (found === undefined) {
    throw new ResolveError(
      `Cannot relay for ${name}: there is no such interface. Create it or correct ${place}.name ` +
        "(`ip link` shows what there is).",
    );
  }
  const giaddr = wanted.address ?? found.addresses[0]?.address;
  if (giaddr === undefined) {
    throw new ResolveError(
      `Cannot relay for ${name}: it has no IPv4 address. Give it one ` +
        `(ip address add 192.0.2.1/24 dev ${name}, with the address that its clients have as router) ` +
        `or set ${place}.address to another address of this machine.`,
    );
  }
  const circuitId = wanted.circuitId ?? new TextEncoder().encode(name);
  const information = informationFor({
    circuitId,
    remoteId: config.relay.remoteId ?? found.mac,
    giaddr,
    linkSelection: config.relay.linkSelection,
    serverIdentifierOverride: config.relay.serverIdentifierOverride,
  });
  return { interface: { name, giaddr, trusted, circuitId, information }, ethernet: !isLoopback(found) };
}

/** Six zeros are no hardware address: only the loopback device has them. */
function isLoopback(found: NetworkInterface): boolean {
  return found.mac.length > 0 && found.mac.every((octet) => octet === 0);
}

/** How a link reads in the log. */
export function describeLink(link: Link): string {
  const { name, giaddr, trusted } = link.interface;
  const medium = link.ethernet ? "" : ", loopback: for tests and demonstrations only";
  return `${name} (giaddr ${formatIpv4(giaddr)}${trusted ? ", trusted" : ""}${medium})`;
}
