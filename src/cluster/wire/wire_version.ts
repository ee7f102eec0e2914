/**
 * Which wire version a node writes. Members of an earlier release read no later version than theirs, and refuse the
 * others: as long as one of them is live, everything is written in its version, and `wireSupport` tells the other
 * upgraded members that this node reads more. A member that is not live holds nothing up.
 */

import { WIRE_VERSION } from "./codec.ts";
import type { ClusterMessage, Envelope, NodeId, WireVersion } from "./messages.ts";

/** A process, and the highest version that it is known to read. */
interface Reader {
  readonly incarnation: number;
  readonly reads: WireVersion;
}

/** What one node knows of the versions that the other members read. */
export class WireVersions {
  readonly #readers = new Map<NodeId, Reader>();
  /** Whether one of them reads an earlier version only. */
  #isMixed = false;

  /** Takes the envelope of a member's message, and the message when it says what its sender reads. */
  heard({ from, incarnation, wireVersion }: Envelope, message: ClusterMessage): void {
    const known = this.#readers.get(from);
    const before = known?.incarnation === incarnation ? known.reads : 1;
    const said = message.type === "wireSupport" ? Math.min(message.version, WIRE_VERSION) as WireVersion : 1;
    const reads = Math.max(before, said, wireVersion) as WireVersion;
    if (known?.incarnation === incarnation && known.reads === reads) return;
    this.#readers.set(from, { incarnation, reads });
    this.#isMixed = [...this.#readers.values()].some(({ reads }) => reads < WIRE_VERSION);
  }

  /** The version to write. `live`: the members that are live. */
  version(live: (id: NodeId) => boolean): WireVersion {
    let version: WireVersion = WIRE_VERSION;
    if (!this.#isMixed) return version;
    for (const [id, { reads }] of this.#readers) if (reads < version && live(id)) version = reads;
    return version;
  }
}
