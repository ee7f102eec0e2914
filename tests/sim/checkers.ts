/** All that is checked after every step, from outside and in true time; what must hold after healing is `convergence.ts`. */

import type { NodeId } from "../../src/cluster/wire/messages.ts";
import { ClientLedger } from "./client_ledger.ts";
import type { SimDisk } from "./disk.ts";
import { Epochs } from "./epochs.ts";
import { Leaders } from "./leaders.ts";
import { Promises } from "./promises.ts";
import type { EventQueue } from "./event_queue.ts";

export class Checkers {
  readonly ledger: ClientLedger;
  readonly epochs: Epochs;
  readonly promises: Promises;
  readonly leaders = new Leaders();

  constructor(
    world: EventQueue,
    members: readonly NodeId[],
    machines: ReadonlyMap<NodeId, { readonly disk: SimDisk }>,
  ) {
    this.ledger = new ClientLedger(world);
    this.epochs = new Epochs(members, machines);
    this.promises = new Promises(world, this.epochs, machines);
  }

  /** Rows of these addresses became durable on some disk, or anything at all. */
  durable(addresses: Iterable<number> | undefined): void {
    if (addresses === undefined) this.epochs.update();
    this.promises.check(addresses);
  }
}
