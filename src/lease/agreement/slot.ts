/**
 * The lease slot: what every node keeps durably about one address, and never deletes. The rule that changes slots is in
 * `rule.ts`.
 */

import type { Ipv4 } from "../../net/ipv4.ts";
import type { ClientKey } from "./client_key.ts";
import { NO_VERSION, type Version } from "./version.ts";

/** In the order of their codes in storage and on the wire: append only. `free` is never stored. */
export const SLOT_STATES = ["free", "bound", "released", "aborted", "declined", "blocked"] as const;

/** The state of a slot; `free`: the address was never leased. */
export type SlotState = (typeof SLOT_STATES)[number];

/** States that an end record leaves behind. */
export type EndedState = "released" | "aborted" | "declined";

/** Whether a slot in this state was made by an end record. */
export function isEnded(state: SlotState): state is EndedState {
  return state === "released" || state === "aborted" || state === "declined";
}

/** Whether a slot in this state is the record of a client's lease: one that runs, or the last one. */
export function isLeaseRecord(state: SlotState): boolean {
  return state === "bound" || state === "released";
}

/** The fields of an end record that its slot does not have, so that anti-entropy can repeat the record unchanged. */
interface Ended {
  /** The version the slot had when the end was minted. */
  readonly replaces: Version;
  /** The newest version of the client that was known to be committed then. */
  readonly committedVersion: Version;
  /** When the client's message arrived at the minting node: ms since 1970, `Bounds.earliest`; 0: not known. */
  readonly at: number;
}

/** The fields of a slot that the rule reads and writes. Immutable: a change makes a new slot. */
export interface Slot {
  readonly state: SlotState;
  /** The client that has the lock, or had the last one; undefined while `free`. */
  readonly client: ClientKey | undefined;
  /** Highest version accepted here. Only rises. */
  readonly version: Version;
  /** No other client before this time: ms since 1970, by the anchored clock. */
  readonly lockedUntil: number;
  /** The commit certificate: newest version of this client known to be accepted by a quorum; NO_VERSION: none. */
  readonly committedVersion: Version;
  /** The lock consists of `version` only. */
  readonly singleVersion: boolean;
  /** Set exactly in the states of {@link EndedState}; `committedVersion` is NO_VERSION then. */
  readonly ended?: Ended;
}

/** The slot of an address that was never leased. */
export const FREE_SLOT: Slot = {
  state: "free",
  client: undefined,
  version: NO_VERSION,
  lockedUntil: 0,
  committedVersion: NO_VERSION,
  singleVersion: false,
};

/** What the DHCP server stores with a lease; the rule does not read it. Empty bytes and empty text mean absent. */
export interface LeaseDetail {
  /** Hardware type (RFC 2131 §2), 0 when unknown. */
  readonly htype: number;
  /** Hardware address, 0..16 octets. */
  readonly chaddr: Uint8Array;
  /** Option 12 as the client sent it, printable and at most 255 octets. */
  readonly hostname: string;
  /** Relay agent circuit id (RFC 3046 §3.1). */
  readonly circuitId: Uint8Array;
  /** Relay agent remote id (RFC 3046 §3.2). */
  readonly remoteId: Uint8Array;
  /** Relay of the client's last message; 0 when it came directly. */
  readonly giaddr: Ipv4;
  /** Client last transaction time (RFC 4388 §6.1): ms since 1970. */
  readonly lastSeen: number;
  /** End of the lease as told to the client: ms since 1970, at most `lockedUntil`; 0: no DHCPACK yet. */
  readonly expires: number;
}

export const NO_DETAIL: LeaseDetail = {
  htype: 0,
  chaddr: new Uint8Array(),
  hostname: "",
  circuitId: new Uint8Array(),
  remoteId: new Uint8Array(),
  giaddr: 0,
  lastSeen: 0,
  expires: 0,
};

/** Everything stored about one address. */
export interface LeaseRow {
  readonly address: Ipv4;
  readonly slot: Slot;
  readonly detail: LeaseDetail;
}

/** One transaction: all of it becomes durable, or none. */
export interface Writes {
  readonly rows?: readonly LeaseRow[];
  /** Facts about the node itself: its disk, term, membership, configuration. */
  readonly facts?: readonly (readonly [key: string, value: string])[];
}
