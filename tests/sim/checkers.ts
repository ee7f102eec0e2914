/**
 * All checks after every step, against the disks and the clients in true time. `convergence.ts` has the checks after
 * the faults.
 */

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
    events: EventQueue,
    members: readonly NodeId[],
    machines: ReadonlyMap<NodeId, { readonly disk: SimDisk }>,
  ) {
    this.ledger = new ClientLedger(events);
    this.epochs = new Epochs(members, machines);
    this.promises = new Promises(events, this.epochs, machines);
  }

  /** Rows of these addresses became durable on a disk; undefined: anything may have changed. */
  durable(addresses: Iterable<number> | undefined): void {
    if (addresses === undefined) this.epochs.update();
    this.promises.check(addresses);
  }
}
