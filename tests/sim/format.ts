/** Slots and rows as text, for the log and for violations. */

import type { LeaseRow, Slot } from "../../src/lease/agreement/slot.ts";
import { TICKS_PER_MS, type Version } from "../../src/lease/agreement/version.ts";
import { formatIpv4 } from "../../src/net/ipv4.ts";
import { EPOCH_MS } from "./machine_clock.ts";

function formatVersion({ clock, node }: Version): string {
  return clock === 0 ? "none" : `${(clock / TICKS_PER_MS - EPOCH_MS).toFixed(3)}/${node}`;
}

/** A client as text, by its number. */
export function formatSimClient(client: string | undefined): string {
  return `client ${client?.charCodeAt(client.length - 1) ?? "none"}`;
}

/** A slot as text, with times as true time if all clocks were exact. */
export function formatSlot(
  { state, client, version, lockedUntil, committedVersion, singleVersion }: Slot,
): string {
  const until = lockedUntil === 0 ? "" : ` until ${lockedUntil - EPOCH_MS}`;
  return `${state} ${formatSimClient(client)}${until}, version ${formatVersion(version)}, certified ${
    formatVersion(committedVersion)
  }${singleVersion ? ", single version" : ""}`;
}

export function formatRow({ address, slot }: LeaseRow): string {
  return `${formatIpv4(address)} ${formatSlot(slot)}`;
}
