/**
 * Compares the promises to clients with the disks: (d) an acknowledgement leaves a node only while the disks of a
 * quorum lock the address for the client until the promised end, and (b) they keep this lock until the lease ends.
 *
 * A disk that is blank or a stale copy does not vote before it has joined: until then the row of the disk that it
 * replaces counts, unless it took a newer one. A blocked address counts as locked: no other client gets it. A lease
 * that is shortened ends early only after the client has received the shorter time.
 */

import type { NodeId } from "../../src/cluster/wire/messages.ts";
import type { ClientKey } from "../../src/lease/agreement/client_key.ts";
import type { LeaseRow } from "../../src/lease/agreement/slot.ts";
import { compareVersions } from "../../src/lease/agreement/version.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import { isSameClient } from "./configurations.ts";
import type { SimDisk } from "./disk.ts";
import type { Epochs } from "./epochs.ts";
import { Violation } from "./violation.ts";
import { EPOCH_MS } from "./machine_clock.ts";
import type { EventQueue } from "./event_queue.ts";

/** A promise: one acknowledgement. */
export interface Promised {
  readonly client: ClientKey;
  readonly name: string;
  readonly address: Ipv4;
  /** True time. */
  readonly endsAtMs: number;
  /** The least `lockedUntil` that keeps the promise: by the node's clock, less its possible error. */
  readonly lockedUntilMs: number;
}

export class Promises {
  readonly #events: EventQueue;
  readonly #epochs: Epochs;
  readonly #machines: ReadonlyMap<NodeId, { readonly disk: SimDisk }>;
  readonly #open = new Map<Ipv4, Promised[]>();
  acknowledgements = 0;
  #isSuspended = false;
  /** Lost with a majority of the disks; some are still on their way to their clients. */
  readonly #lost = new WeakSet<Promised>();

  constructor(events: EventQueue, epochs: Epochs, machines: ReadonlyMap<NodeId, { readonly disk: SimDisk }>) {
    this.#events = events;
    this.#epochs = epochs;
    this.#machines = machines;
  }

  /**
   * (d) An acknowledgement leaves a node that knows these members. `clockMs`: the least offset of its clock from true
   * time. An acknowledgement that the client does not wait for any more promises nothing.
   */
  leaving(
    promise: { client: ClientKey; name: string; address: Ipv4; leaseMs: number },
    { members, clockMs, isAwaited }: { members: readonly NodeId[]; clockMs: number; isAwaited: boolean },
  ): Promised {
    const { client, name, address, leaseMs } = promise;
    const endsAtMs = this.#events.nowMs + leaseMs;
    const promised = { client, name, address, endsAtMs, lockedUntilMs: EPOCH_MS + endsAtMs + clockMs };
    this.acknowledgements += 1;
    if (!isAwaited || this.#isSuspended) return promised;
    const locking = this.#count(
      members,
      (disk) => keeps(disk.rows.get(address), promised) || keeps(disk.formerRow(address), promised),
    );
    if (locking < quorumOf(members)) {
      throw new Violation("(d)", `${describe(promised)} is acknowledged with ${locking} of ${members} disks`);
    }
    // A client has one address per network: its former one may be freed from now on.
    for (const other of this.#open.keys()) if (other !== address) this.ended(client, other);
    this.#open.set(address, [...this.#running(address), promised]);
    return promised;
  }

  /** The acknowledgement arrived: earlier promises to the client are void. */
  arrived(promised: Promised): void {
    if (this.#lost.has(promised)) return;
    const others = this.#running(promised.address).filter(({ client }) => client !== promised.client);
    this.#open.set(promised.address, [...others, promised]);
  }

  /** The client released its address, or has another one. */
  ended(client: ClientKey, address: Ipv4): void {
    const open = this.#open.get(address);
    if (open?.some((promised) => promised.client === client)) {
      this.#open.set(address, open.filter((promised) => promised.client !== client));
    }
  }

  /** A majority of the disks is lost: the promises that the survivor does not have are lost too, but for (a). */
  majorityLost(survivor: SimDisk): void {
    this.#isSuspended = true;
    for (const [address, open] of this.#open) {
      const kept = open.filter((promised) => keeps(survivor.rows.get(address), promised));
      for (const promised of open) if (!kept.includes(promised)) this.#lost.add(promised);
      this.#open.set(address, kept);
    }
  }

  /** The membership was reset to the survivor. */
  majorityReplaced(): void {
    this.#isSuspended = false;
  }

  /** (b) Rows became durable, or were lost. */
  check(addresses: Iterable<Ipv4> = this.#open.keys()): void {
    if (this.#isSuspended) return;
    for (const address of addresses) {
      for (const promised of this.#open.get(address) ?? []) {
        if (promised.endsAtMs <= this.#events.nowMs) continue;
        const { counting } = this.#epochs;
        if (counting.some(({ members }) => this.#keeping(members, promised) >= quorumOf(members))) continue;
        const counts = counting.map(({ members }) => `${this.#keeping(members, promised)} of ${members}`);
        throw new Violation("(b)", `${describe(promised)} is only on ${counts.join(", ")}`);
      }
    }
  }

  #running(address: Ipv4): Promised[] {
    return this.#open.get(address)?.filter(({ endsAtMs }) => endsAtMs > this.#events.nowMs) ?? [];
  }

  #keeping(members: readonly NodeId[], promised: Promised): number {
    return this.#count(members, (disk) => isKept(disk, promised));
  }

  #count(members: readonly NodeId[], has: (disk: SimDisk) => boolean): number {
    return members.filter((id) => {
      const disk = this.#machines.get(id)?.disk;
      return disk !== undefined && has(disk);
    }).length;
  }
}

/** Computed independently of the product. */
function quorumOf(members: readonly NodeId[]): number {
  return Math.floor(members.length / 2) + 1;
}

function locks(row: LeaseRow | undefined, { client, lockedUntilMs }: Promised): boolean {
  return row !== undefined && row.slot.state === "bound" && isSameClient(row.slot.client, client) &&
    row.slot.lockedUntil >= lockedUntilMs;
}

function isKept(disk: SimDisk, promised: Promised): boolean {
  const row = disk.rows.get(promised.address);
  const missing = disk.missingRow(promised.address);
  if (keeps(row, promised)) return true;
  const isNewer = row !== undefined && missing !== undefined &&
    compareVersions(row.slot.version, missing.slot.version) > 0;
  return !isNewer && keeps(missing, promised);
}

function keeps(row: LeaseRow | undefined, promised: Promised): boolean {
  return locks(row, promised) || (row?.slot.state === "blocked" && row.slot.lockedUntil >= promised.lockedUntilMs);
}

function describe({ name, address, endsAtMs }: Promised): string {
  return `the lease of ${formatIpv4(address)} for ${name} until ${endsAtMs}`;
}
