/** Finds the link that relays and circuits are assigned to (`relays` of a subnet or shared network). */

import { toHex } from "../../bytes/hex.ts";
import type { SharedNetworkConfig } from "../../config/service_schema.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { RelayAgentInformation } from "../relay_agent_information.ts";

type Selector = NonNullable<SharedNetworkConfig["relays"]>[number];

/** A link and the relays that are assigned to it. */
export interface Assigned<Network> {
  readonly network: Network;
  readonly relays: readonly Selector[];
}

const KEYS = ["giaddr", "circuitId", "remoteId", "relayId"] as const;

type Values = { readonly [Key in typeof KEYS[number]]?: Ipv4 | Uint8Array | undefined };

/** Selectors that give the same keys. */
interface Shape<Network> {
  readonly keys: readonly (typeof KEYS[number])[];
  readonly networks: Map<string, Network>;
}

/** Finds the link of a relayed message by what is assigned to links. Takes the same time for any number of them. */
export class RelaySelectors<Network> {
  /** Those with the most keys first: the most specific selector counts. */
  readonly #shapes: readonly Shape<Network>[];

  constructor(networks: readonly Assigned<Network>[]) {
    const shapes = new Map<string, Shape<Network>>();
    for (const { network, relays } of networks) {
      for (const selector of relays) {
        const keys = KEYS.filter((key) => selector[key] !== undefined);
        const shape = shapes.get(keys.join()) ?? { keys, networks: new Map<string, Network>() };
        shapes.set(keys.join(), shape);
        const value = textOf(keys, selector);
        if (value !== undefined && !shape.networks.has(value)) shape.networks.set(value, network);
      }
    }
    this.#shapes = [...shapes.values()].sort((a, b) => b.keys.length - a.keys.length);
  }

  /** giaddr alone says nothing where the relay names the link itself (RFC 3527 §3). */
  networkOf(giaddr: Ipv4, agent: RelayAgentInformation): Network | undefined {
    if (this.#shapes.length === 0) return undefined;
    const { circuitId, remoteId, relayId, linkSelection } = agent;
    const values = { giaddr, circuitId, remoteId, relayId };
    for (const { keys, networks } of this.#shapes) {
      if (linkSelection !== undefined && keys.length === 1 && keys[0] === "giaddr") continue;
      const value = textOf(keys, values);
      const network = value === undefined ? undefined : networks.get(value);
      if (network !== undefined) return network;
    }
    return undefined;
  }
}

/** The values of some keys as one text; undefined when one has none. */
function textOf(keys: Shape<unknown>["keys"], values: Values): string | undefined {
  const texts: string[] = [];
  for (const key of keys) {
    const value = values[key];
    if (value === undefined) return undefined;
    texts.push(typeof value === "number" ? String(value) : toHex(value));
  }
  return texts.join();
}
