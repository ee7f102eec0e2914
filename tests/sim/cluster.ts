/** What the parts of one run share. */

import type { NodeId } from "../../src/cluster/wire/messages.ts";
import type { Checkers } from "./checkers.ts";
import type { Links } from "./network.ts";
import type { SimNode } from "./node.ts";
import type { Prng } from "./prng.ts";
import type { Tampering } from "./tampering.ts";
import type { EventQueue } from "./event_queue.ts";

export interface SimCluster {
  readonly world: EventQueue;
  readonly prng: Prng;
  readonly links: Links;
  /** Every machine there is, members or not. */
  readonly nodes: Map<NodeId, SimNode>;
  readonly checkers: Checkers;
  readonly tampering: Tampering;
  /** Messages pass through the codec, which takes longer than the rest. */
  readonly encodes: boolean;
  /** After healing clients only keep what they have, and look for what they lack. */
  calm: boolean;
  /** Undefined: nobody reads it, and nothing is put into words. */
  readonly log: ((line: string) => void) | undefined;
}
