/**
 * Which relays this node believes. A relay says in whose network a client is, and through whom a RELEASE or DECLINE
 * came: any routed host could say so in its place. `query.ts` asks; what is configured is `dhcp.relays` of node.yaml.
 */

import { type Ipv4, type Prefix, prefixContains } from "../../net/ipv4.ts";
import { type CompiledService, poolAt } from "./compiled_service.ts";

const HOST_BITS = 32;

/** The believed relays of one node. */
export class RelayTrust {
  #hosts: ReadonlySet<Ipv4> = new Set();
  #networks: readonly Prefix[] = [];

  constructor(relays: readonly Prefix[] = []) {
    this.configure(relays);
  }

  /** Believes these sources from now on, whatever giaddr they set. */
  configure(relays: readonly Prefix[]): void {
    this.#hosts = new Set(relays.filter(isHost).map(({ address }) => address));
    this.#networks = relays.filter((relay) => !isHost(relay));
  }

  /**
   * Whether a giaddr is believed of a datagram from this source: a configured relay's, or the giaddr itself. Not the
   * latter in a pool: there the hosts are clients, and each would be a relay for itself.
   */
  believes(giaddr: Ipv4, from: Ipv4, compiled: CompiledService): boolean {
    if (this.isConfigured(from)) return true;
    if (giaddr !== from) return false;
    const subnet = compiled.subnetOf(giaddr);
    return subnet === undefined || poolAt(subnet, giaddr) === undefined;
  }

  /** Whether the configuration names a source as a relay. */
  isConfigured(from: Ipv4): boolean {
    return this.#hosts.has(from) || this.#networks.some((network) => prefixContains(network, from));
  }

  /**
   * Whether a relay is believed about hosts on the link with this address: a configured one, or one in its subnet,
   * which could answer for any address there itself.
   */
  believesAbout(link: Ipv4, giaddr: Ipv4, from: Ipv4, compiled: CompiledService): boolean {
    const subnet = compiled.subnetOf(link);
    if (subnet === undefined || !this.believes(giaddr, from, compiled)) return false;
    return this.isConfigured(from) || compiled.subnetOf(giaddr) === subnet;
  }
}

function isHost({ prefixLength }: Prefix): boolean {
  return prefixLength === HOST_BITS;
}
