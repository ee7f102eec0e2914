/** Slots and rows in words, for the log and for complaints. */

import type { LeaseRow, Slot } from "../../src/lease/agreement/slot.ts";
import { TICKS_PER_MS, type Version } from "../../src/lease/agreement/version.ts";
import { formatIpv4 } from "../../src/net/ipv4.ts";
import { EPOCH_MS } from "./wall_clock.ts";

function sayVersion({ clock, node }: Version): string {
  return clock === 0 ? "none" : `${(clock / TICKS_PER_MS - EPOCH_MS).toFixed(3)}/${node}`;
}

/** A client by its number. */
export function sayClient(client: string | undefined): string {
  return `client ${client?.charCodeAt(client.length - 1) ?? "none"}`;
}

/** Times as true time would show them if all clocks were exact. */
export function saySlot({ state, client, version, hold, cv, sole }: Slot): string {
  const until = hold === 0 ? "" : ` until ${hold - EPOCH_MS}`;
  return `${state} ${sayClient(client)}${until}, version ${sayVersion(version)}, certified ${sayVersion(cv)}${
    sole ? ", sole" : ""
  }`;
}

export function sayRow({ address, slot }: LeaseRow): string {
  return `${formatIpv4(address)} ${saySlot(slot)}`;
}
