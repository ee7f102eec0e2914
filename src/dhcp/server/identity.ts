/**
 * Which client sent a request, as the key of its lease (`client_key.ts`): what it sent, within its subnet. Neither
 * reservations nor the extent of a subnet are part of the key. A lease keeps the key it was made with: it is found from
 * its record, also when a new one would get another key, as the subnet had another number then, clients were told apart
 * otherwise, or the release before made a reservation part of the key.
 *
 * Taking a record for the client's own lets it renew. So a client that only asks for some address is its identifier
 * exactly; one that names the address it has is also known by its hardware address, if either message lacks the
 * identifier.
 *
 * On a link with several subnets a client is one client: its key has the number of the first subnet, wherever its
 * address lies.
 */

import { equalBytes } from "../../bytes/equal.ts";
import {
  CLIENT_TAG,
  type ClientKey,
  clientKey,
  isConflict,
  isSameSender,
  parseClientKey,
  subnetNumberOf,
} from "../../lease/agreement/client_key.ts";
import { isLeaseRecord } from "../../lease/agreement/slot.ts";
import { type Ipv4, rangeContains } from "../../net/ipv4.ts";
import { type Identity, type Subnet, subnetAt } from "./compiled_service.ts";
import type { Reservation } from "./reservations.ts";
import type { ServerState } from "./state.ts";

/** Who sent a request, and where. */
export interface Sender {
  readonly identity: Identity;
  readonly subnet: Subnet;
  readonly reservation: Reservation | undefined;
}

/** Decides about the key of a request. `asserted`: the address that the client says it has. */
export function clientOf(state: ClientState, sender: Sender, asserted: Ipv4 | undefined): ClientKey {
  const { table, compiled } = state;
  const { subnet } = sender;
  const keys = keysOf(sender, state.hasEarlierRelease());
  if (asserted !== undefined && rangeContains(subnet.range, asserted)) {
    const client = recordedClient(state, asserted);
    if (client !== undefined && (isSentBy(client, keys) || isHardwareOf(state, sender, asserted, client))) {
      return client;
    }
  }
  const counts = (recorded: ClientKey, address: Ipv4) => {
    if (subnetAt(subnet.network, address) === undefined) return false;
    const other = compiled.subnetWithId(subnetNumberOf(recorded));
    return other === undefined || other.network === subnet.network;
  };
  for (const key of keys) {
    const recorded = table.recordedKey(key, counts);
    if (recorded !== undefined) return recorded;
  }
  return keys[0];
}

type ClientState = Pick<ServerState, "table" | "compiled" | "hasEarlierRelease">;

/** The key of a new lease. */
export function newKeyOf(sender: Sender): ClientKey {
  return keysOf(sender, false)[0];
}

/** The keys that a client may have: first that of a new lease. */
function keysOf(
  { identity: { clientId, hardware }, subnet, reservation }: Sender,
  hasEarlierRelease: boolean,
): readonly [ClientKey, ...ClientKey[]] {
  const [first] = subnet.network.subnets;
  const number = hasEarlierRelease ? first.prefix.address : first.id;
  const byHardware = () => clientKey({ subnet: number, tag: CLIENT_TAG.hardware, bytes: hardware });
  if (clientId === undefined) return [byHardware()];
  const byId = clientKey({ subnet: number, tag: CLIENT_TAG.clientIdentifier, bytes: clientId });
  const isReserved = hasEarlierRelease && reservation?.config.hardware !== undefined;
  // RFC 4390 §2.1: some have an identifier only.
  const isHardware = isReserved || (subnet.clientIdentity === "hardware" && hardware.length > 1);
  return isHardware ? [byHardware(), byId] : [byId];
}

function isSentBy(client: ClientKey, keys: readonly ClientKey[]): boolean {
  return keys.some((key) => isSameSender(key, client));
}

/** Whether the client of an address has the sender's hardware address, and that tells that it is the sender. */
function isHardwareOf(state: ClientState, sender: Sender, address: Ipv4, client: ClientKey): boolean {
  const { identity, subnet, reservation } = sender;
  // Whatever identifiers it sends.
  const isReservedFor = reservation?.address === address && reservation.config.hardware !== undefined;
  const isEnough = identity.clientId === undefined || subnet.clientIdentity === "hardware" || isReservedFor ||
    parseClientKey(client).tag === CLIENT_TAG.hardware;
  return isEnough && hasHardware(state, address, client, identity.hardware);
}

function hasHardware({ table }: ClientState, address: Ipv4, client: ClientKey, hardware: Uint8Array): boolean {
  if (hardware.length === 1) return false;
  const { tag, bytes } = parseClientKey(client);
  if (tag === CLIENT_TAG.hardware) return equalBytes(bytes, hardware);
  const { htype, chaddr } = table.detail(address);
  return htype === hardware[0] && equalBytes(chaddr, hardware.subarray(1));
}

/**
 * The other key under which a machine has the address that is reserved for its hardware address, or for its place: its
 * firmware, or its system with another identifier. That lease ends when the machine asks for a new one.
 */
export function formerKey(
  state: ClientState,
  sender: Pick<Sender, "reservation" | "identity"> & { readonly client: ClientKey },
  address: Ipv4,
): ClientKey | undefined {
  const { client, reservation, identity } = sender;
  const slot = state.table.get(address);
  if (slot.state !== "bound" || slot.client === undefined || slot.client === client) return undefined;
  if (reservation?.address !== address || reservation.config.clientId !== undefined) return undefined;
  return hasHardware(state, address, slot.client, identity.hardware) ? slot.client : undefined;
}

/** Whether this node has a record of the client that tells something of an address, in any subnet. */
export function hasRecord({ table }: ClientState, { client }: { readonly client: ClientKey }, address: Ipv4): boolean {
  const recorded = recordedClient({ table }, address);
  return (recorded !== undefined && isSameSender(recorded, client)) || table.find(client) !== undefined;
}

/** The client of the lease that runs on an address, or of the last one there. */
function recordedClient({ table }: Pick<ServerState, "table">, address: Ipv4): ClientKey | undefined {
  const { state, client } = table.get(address);
  return isLeaseRecord(state) && client !== undefined && !isConflict(client) ? client : undefined;
}
