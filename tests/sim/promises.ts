/**
 * What clients were promised and what is on the disks: (d) an acknowledgement leaves only while a majority's disks lock the
 * address for the client as long as it is told, and (b) they go on doing so until the lease ends.
 *
 * A disk that is new, or an old copy, and has not joined yet votes on nothing: it stands for the one that it replaces, unless
 * it took something newer. An address that is blocked is nobody else's either. A lease that is granted for less time than
 * before ends when the client has heard so, not earlier.
 */

import type { NodeId } from "../../src/cluster/wire/messages.ts";
import type { ClientKey } from "../../src/lease/agreement/client_key.ts";
import type { LeaseRow } from "../../src/lease/agreement/slot.ts";
import { compareVersions } from "../../src/lease/agreement/version.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import type { SimDisk } from "./disk.ts";
import type { Epochs } from "./epochs.ts";
import { Violation } from "./violation.ts";
import { EPOCH_MS } from "./wall_clock.ts";
import type { EventQueue } from "./event_queue.ts";

/** One acknowledgement. */
export interface Promised {
  readonly client: ClientKey;
  readonly name: string;
  readonly address: Ipv4;
  /** True time. */
  readonly endsAtMs: number;
  /** What `hold` has to be at least: by the clock of whoever promised, less what that may be wrong by. */
  readonly holdMs: number;
}

export class Promises {
  readonly #world: EventQueue;
  readonly #epochs: Epochs;
  readonly #machines: ReadonlyMap<NodeId, { readonly disk: SimDisk }>;
  readonly #open = new Map<Ipv4, Promised[]>();
  acknowledgements = 0;

  constructor(world: EventQueue, epochs: Epochs, machines: ReadonlyMap<NodeId, { readonly disk: SimDisk }>) {
    this.#world = world;
    this.#epochs = epochs;
    this.#machines = machines;
  }

  /**
   * (d) An acknowledgement leaves a node that knows these members. `clockMs`: its clock's lead over the truth, at the least. One that the
   * client no longer waits for is a promise to nobody.
   */
  leaving(
    promise: { client: ClientKey; name: string; address: Ipv4; leaseMs: number },
    { members, clockMs, isAwaited }: { members: readonly NodeId[]; clockMs: number; isAwaited: boolean },
  ): Promised {
    const { client, name, address, leaseMs } = promise;
    const endsAtMs = this.#world.nowMs + leaseMs;
    const promised = { client, name, address, endsAtMs, holdMs: EPOCH_MS + endsAtMs + clockMs };
    this.acknowledgements += 1;
    if (!isAwaited) return promised;
    const having = this.#count(
      members,
      (disk) => keeps(disk.rows.get(address), promised) || keeps(disk.lostRow(address), promised),
    );
    if (having < majorityOf(members)) {
      throw new Violation("(d)", `${say(promised)} is acknowledged with ${having} of ${members} disks`);
    }
    // One address of a network at a time: a former one is free from now on.
    for (const other of this.#open.keys()) if (other !== address) this.ended(client, other);
    this.#open.set(address, [...this.#running(address), promised]);
    return promised;
  }

  /** The acknowledgement arrived: what the client was promised before counts no more. */
  arrived(promised: Promised): void {
    const others = this.#running(promised.address).filter(({ client }) => client !== promised.client);
    this.#open.set(promised.address, [...others, promised]);
  }

  /** A client gave its address back, or has another one. */
  ended(client: ClientKey, address: Ipv4): void {
    const open = this.#open.get(address);
    if (open?.some((promised) => promised.client === client)) {
      this.#open.set(address, open.filter((promised) => promised.client !== client));
    }
  }

  /** (b) Something became durable, or was lost. */
  check(addresses: Iterable<Ipv4> = this.#open.keys()): void {
    for (const address of addresses) {
      for (const promised of this.#running(address)) {
        if (
          this.#epochs.counting.some((epoch) => this.#keepers(epoch.members, promised) >= majorityOf(epoch.members))
        ) continue;
        const counts = this.#epochs.counting.map((epoch) =>
          `${this.#keepers(epoch.members, promised)} of ${epoch.members}`
        );
        throw new Violation("(b)", `${say(promised)} is left on ${counts.join(", ")}`);
      }
    }
  }

  #running(address: Ipv4): Promised[] {
    return this.#open.get(address)?.filter(({ endsAtMs }) => endsAtMs > this.#world.nowMs) ?? [];
  }

  #keepers(members: readonly NodeId[], promised: Promised): number {
    return this.#count(members, (disk) => isKept(disk, promised));
  }

  #count(members: readonly NodeId[], has: (disk: SimDisk) => boolean): number {
    return members.filter((id) => {
      const disk = this.#machines.get(id)?.disk;
      return disk !== undefined && has(disk);
    }).length;
  }
}

function majorityOf(members: readonly NodeId[]): number {
  return Math.floor(members.length / 2) + 1;
}

function locks(row: LeaseRow | undefined, { client, holdMs }: Promised): boolean {
  return row !== undefined && row.slot.state === "bound" && row.slot.client === client &&
    row.slot.lockedUntil >= holdMs;
}

function isKept(disk: SimDisk, promised: Promised): boolean {
  const row = disk.rows.get(promised.address);
  const owed = disk.owedRow(promised.address);
  if (keeps(row, promised)) return true;
  const isNewer = row !== undefined && owed !== undefined && compareVersions(row.slot.version, owed.slot.version) > 0;
  return !isNewer && keeps(owed, promised);
}

function keeps(row: LeaseRow | undefined, promised: Promised): boolean {
  return locks(row, promised) || (row?.slot.state === "blocked" && row.slot.lockedUntil >= promised.holdMs);
}

function say({ name, address, endsAtMs }: Promised): string {
  return `the lease of ${formatIpv4(address)} for ${name} until ${endsAtMs}`;
}
