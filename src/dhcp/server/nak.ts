/**
 * DHCPNAK (RFC 2131 §4.3.2). A wrong subnet is decided by the configuration alone, which is the same on every node. Any
 * other refusal needs the committed records of a majority, or an own lease that the configuration contradicts.
 */

import { equalBytes } from "../../bytes/equal.ts";
import type { Bounds } from "../../lease/agreement/clock.ts";
import { isLocked } from "../../lease/agreement/rule.ts";
import { compareVersions } from "../../lease/agreement/version.ts";
import { type Ipv4, UNSPECIFIED } from "../../net/ipv4.ts";
import { type Action, drop } from "./action.ts";
import { hasRecord } from "./identity.ts";
import type { Query } from "./query.ts";
import { buildNak, replyBytesMax } from "./reply.ts";
import type { ServerState } from "./state.ts";

/**
 * RFC 2131 §4.3.2, INIT-REBOOT: "Server SHOULD send a DHCPNAK message to the client if the requested address is
 * incorrect, or is on the wrong network". A server that is not authoritative stays silent towards strangers.
 */
export function nakWrongSubnet(state: ServerState, query: Query, address: Ipv4): Action {
  if (!state.compiled.config.authoritative && !hasRecord(state, query, address)) return drop("notAuthoritative");
  return nak(state, query, "this address is of another network");
}

/**
 * Lease agreement: "NAK only if the committed records of a majority contradict the client". Where the client's own
 * lease runs, only the configuration contradicts it, and that is the same on every node: DHCPNAK at once.
 */
export function nakByMajority(state: ServerState, query: Query, address: Ipv4, time: Bounds, text: string): Action {
  const slot = state.table.get(address);
  const locked = isLocked(slot, time);
  if (locked && slot.state === "bound" && slot.client === query.client) return nak(state, query, text);
  // Another client's proposal that is not committed yet may still be aborted.
  if (locked && slot.state === "bound" && compareVersions(slot.committedVersion, slot.version) !== 0) {
    return drop("undecided");
  }
  const { reply, bytesMax } = nak(state, query, text);
  return { kind: "refuse", address, client: query.client, reply, bytesMax };
}

function nak(state: ServerState, query: Query, text: string): Extract<Action, { kind: "reply" }> {
  const reply = buildNak(query, text, serverAsKnown(state, query));
  return { kind: "reply", reply, bytesMax: replyBytesMax(query.message) };
}

/**
 * The server identifier that the client knows. Where relays override it (RFC 5107), a client that moved knows the one
 * of its former relay, and udhcpc ignores a DHCPNAK with any other.
 */
function serverAsKnown(state: ServerState, query: Query): Ipv4 {
  const { message, agent, serverIdentifier, selectedServer } = query;
  if (selectedServer !== undefined || agent.serverIdentifierOverride === undefined) return serverIdentifier;
  const known = state.table.detail(message.ciaddr || (query.requestedAddress ?? UNSPECIFIED));
  const same = message.chaddr.length > 0 && equalBytes(known.chaddr, message.chaddr);
  return same && known.giaddr !== UNSPECIFIED ? known.giaddr : serverIdentifier;
}
