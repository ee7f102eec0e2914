/**
 * The lease slot: what every node keeps, durably and for ever, about one address. The rule that changes slots is in
 * `rule.ts`; this file only says what one is.
 */

import type { Ipv4 } from "../../net/ipv4.ts";
import type { ClientKey } from "./client_key.ts";
import { NO_VERSION, type Version } from "./version.ts";

/** In the order of their codes in storage and on the wire: append only. */
export const SLOT_STATES = ["free", "bound", "released", "aborted", "declined", "blocked"] as const;

/** `free` is never written once: an address nobody ever held. */
export type SlotState = (typeof SLOT_STATES)[number];

/** States that an end record leaves behind. */
export type EndedState = "released" | "aborted" | "declined";

/** Whether an end record made this state. */
export function isEnded(state: SlotState): state is EndedState {
  return state === "released" || state === "aborted" || state === "declined";
}

/** What the end record of a slot said beside what the slot says by itself, so that it can be handed on as it was. */
export interface Ended {
  /** The version the slot had when the end was minted. */
  readonly replaces: Version;
  /** The newest version of the client known to be committed then. */
  readonly committedVersion: Version;
}

/** The lease agreement's part of a slot. Immutable: a change makes a new one. */
export interface Slot {
  readonly state: SlotState;
  /** Whose it is or last was; undefined while `free`. */
  readonly client: ClientKey | undefined;
  /** Highest version accepted here. Only rises. */
  readonly version: Version;
  /** Protected until: ms since 1970, by the anchored clock. */
  readonly lockedUntil: number;
  /** Newest version of this client known to be accepted by a majority; NO_VERSION: none. */
  readonly committedVersion: Version;
  /** The lock consists of `version` only. */
  readonly singleVersion: boolean;
  /** In the states that {@link isEnded} names, and only there; `cv` is NO_VERSION then. */
  readonly ended?: Ended;
}

/** The slot of an address that nobody ever held. */
export const FREE_SLOT: Slot = {
  state: "free",
  client: undefined,
  version: NO_VERSION,
  lockedUntil: 0,
  committedVersion: NO_VERSION,
  singleVersion: false,
};

/** What DHCP remembers about a lease beside the agreement. Empty byte strings and text mean absent. */
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
  /** Relay the client was last heard through; 0 when heard directly. */
  readonly giaddr: Ipv4;
  /** Client last transaction time (RFC 4388 §6.1): ms since 1970. */
  readonly lastSeen: number;
  /** End of the lease as the client was told: ms since 1970; 0 when it never was. At most `hold`. */
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

/** What is written down in one go: all of it is on the disk afterwards, or none. */
export interface Writes {
  readonly rows?: readonly LeaseRow[];
  /** Small facts about the node itself. */
  readonly facts?: readonly (readonly [key: string, value: string])[];
}
