/** The link that a request came through, for budgets and for operators. */

import { toHex } from "../../bytes/hex.ts";
import { formatPrefix, type Prefix } from "../../net/ipv4.ts";
import type { Network } from "./compiled_service.ts";
import type { RelayAgentInformation } from "../relay_agent_information.ts";

/** How a request came: the parts of a query that tell its link. */
export interface Via {
  readonly subnet: { readonly prefix: Prefix; readonly network: Pick<Network, "name" | "address"> };
  readonly agent: Pick<RelayAgentInformation, "circuitId" | "remoteId">;
}

const PRINTABLE = /^[\x21-\x7e]+$/;

/**
 * Key of a link: the subnet or shared network, and with option 82 the circuit, as the agent that is closest to the
 * client names it. So it is an interface of a relay, a port of a switch that adds option 82, or an attached network.
 */
export function linkKey({ subnet, agent }: Via): string {
  return `${subnet.network.address} ${circuitKey(agent)}`;
}

/** Key of a circuit among those of a subnet; empty without one (RFC 3046 §3.1: it is unique within its agent). */
function circuitKey({ circuitId, remoteId }: Via["agent"]): string {
  if (circuitId === undefined || circuitId.length === 0) return "";
  return `${toHex(circuitId)}/${remoteId === undefined ? "" : toHex(remoteId)}`;
}

/** The name of a link for operators, such as `10.77.0.0/16 circuit lan0 remote 0x020000000001`. */
export function linkName({ subnet, agent }: Via): string {
  const { circuitId, remoteId } = agent;
  const parts = [subnet.network.name ?? formatPrefix(subnet.prefix)];
  if (circuitId !== undefined && circuitId.length > 0) parts.push(`circuit ${agentId(circuitId)}`);
  if (remoteId !== undefined && remoteId.length > 0) parts.push(`remote ${agentId(remoteId)}`);
  return parts.join(" ");
}

/** Text as it is; other octets in hexadecimal. */
function agentId(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes);
  return PRINTABLE.test(text) ? text : `0x${toHex(bytes)}`;
}
