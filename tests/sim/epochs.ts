/**
 * The memberships that may count now, read from the disks: that of the last complete epoch, and all later ones. (m) An
 * epoch has one membership.
 */

import { FACT } from "../../src/cluster/sync/disk_identity.ts";
import { MEMBERSHIP_FACTS } from "../../src/cluster/membership/membership.ts";
import type { MemberAddress, NodeId } from "../../src/cluster/wire/messages.ts";
import type { Image, SimDisk } from "./disk.ts";
import { Violation } from "./violation.ts";

/** The membership of one epoch. */
export interface SimEpoch {
  readonly epoch: number;
  readonly members: readonly NodeId[];
}

export class Epochs {
  readonly #machines: ReadonlyMap<NodeId, { readonly disk: SimDisk }>;
  readonly #texts = new Map<string, SimEpoch>();
  readonly #known = new Map<string, SimEpoch>();
  readonly #first: SimEpoch;
  #complete: SimEpoch;
  #counting: readonly SimEpoch[];

  constructor(first: readonly NodeId[], machines: ReadonlyMap<NodeId, { readonly disk: SimDisk }>) {
    this.#machines = machines;
    this.#first = { epoch: 1, members: first };
    this.#complete = this.#first;
    this.#counting = [this.#first];
  }

  /** The last epoch of which every member is settled. */
  get complete(): SimEpoch {
    return this.#complete;
  }

  /** Epochs that may count, in order. */
  get counting(): readonly SimEpoch[] {
    return this.#counting;
  }

  /** The newest. */
  get newest(): SimEpoch {
    return this.#counting.at(-1) ?? this.#complete;
  }

  /** The newest membership on a disk. */
  of({ facts }: Pick<Image, "facts">): SimEpoch {
    const text = facts.get(MEMBERSHIP_FACTS.membership);
    return text === undefined ? this.#first : this.#read(text);
  }

  /** Facts on some disk changed. */
  update(): void {
    const machines = this.#machines;
    const counting = new Set<SimEpoch>();
    for (const { disk } of machines.values()) {
      const epoch = this.of(disk);
      const other = [...counting].find((one) => one.epoch === epoch.epoch && one !== epoch);
      if (other !== undefined) {
        throw new Violation("(m)", `epoch ${epoch.epoch} has members ${epoch.members} and ${other.members}`);
      }
      counting.add(epoch);
    }
    const isComplete = ({ epoch, members }: SimEpoch) =>
      members.every((id) => {
        const facts = machines.get(id)?.disk.facts;
        return facts?.get(FACT.blank) === "no" && Number(facts.get(FACT.settled) ?? 0) >= epoch;
      });
    for (const epoch of counting) if (epoch.epoch > this.#complete.epoch && isComplete(epoch)) this.#complete = epoch;
    counting.add(this.#complete);
    this.#counting = [...counting].filter(({ epoch }) => epoch >= this.#complete.epoch)
      .sort((a, b) => a.epoch - b.epoch);
  }

  #read(text: string): SimEpoch {
    const read = this.#texts.get(text);
    if (read !== undefined) return read;
    const { epoch, members } = JSON.parse(text) as { epoch: number; members: MemberAddress[] };
    const ids = members.map(({ id }) => id);
    // Two leaders may have made the same membership.
    const name = `${epoch}: ${ids}`;
    const known = this.#known.get(name) ?? (epoch === 1 ? this.#first : { epoch, members: ids });
    this.#known.set(name, known);
    this.#texts.set(text, known);
    return known;
  }
}
