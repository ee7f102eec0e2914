/**
 * Which wire version a node writes. Members of the release before read version 1 only, and refuse the other: as long as
 * one of them is live, everything is written in version 1, and `wireSupport` tells the other upgraded members that this
 * node reads more. A member that is not live holds nothing up.
 */

import { WIRE_VERSION } from "./codec.ts";
import type { ClusterMessage, Envelope, NodeId, WireVersion } from "./messages.ts";

/** What one node knows of the versions that the other members read. */
export class WireVersions {
  /** Processes that have written version 1 and not said that they read a higher one. */
  readonly #old = new Map<NodeId, number>();
  readonly #reads = new Map<NodeId, number>();

  /** Takes the envelope of a member's message, and the message when it says what its sender reads. */
  heard({ from, incarnation, wireVersion }: Envelope, message: ClusterMessage): void {
    if (wireVersion === WIRE_VERSION || (message.type === "wireSupport" && message.version >= WIRE_VERSION)) {
      this.#reads.set(from, incarnation);
      this.#old.delete(from);
    } else if (this.#reads.get(from) !== incarnation) this.#old.set(from, incarnation);
  }

  /** The version to write. `live`: the members that are live. */
  version(live: (id: NodeId) => boolean): WireVersion {
    for (const id of this.#old.keys()) if (live(id)) return 1;
    return WIRE_VERSION;
  }
}
