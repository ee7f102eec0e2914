/** Leadership and allocations: (c) one coordinator per term, (e) ranges of one allocation version never overlap. */

import type { NodeId } from "../../src/cluster/wire/messages.ts";
import type { AllottedRanges } from "../../src/cluster/leadership/range_allotment.ts";
import { formatIpv4, type Range } from "../../src/net/ipv4.ts";
import { Violation } from "./violation.ts";

export class Leaders {
  /** The process that led each term. */
  readonly #byTerm = new Map<number, string>();
  /** Ranges by term and version, then by node. */
  readonly #allocations = new Map<string, Map<NodeId, readonly Range[]>>();

  /** All who led before are lost for good: their terms may be led in again. */
  forget(): void {
    this.#byTerm.clear();
    this.#allocations.clear();
  }

  /** A process acts as leader of a term. */
  leads(process: string, term: number): void {
    const other = this.#byTerm.get(term);
    if (other === process) return;
    if (other !== undefined) throw new Violation("(c)", `term ${term} has two coordinators: ${other} and ${process}`);
    this.#byTerm.set(term, process);
  }

  /** A node chooses new addresses from these ranges. */
  allocates(node: NodeId, { term, version, ranges }: AllottedRanges): void {
    const key = `${term}/${version}`;
    const mine = ranges.flat();
    const allocation = this.#allocations.get(key) ?? new Map<NodeId, readonly Range[]>();
    this.#allocations.set(key, allocation);
    for (const [other, theirs] of allocation) {
      if (other === node) continue;
      for (const range of mine) {
        const overlap = theirs.find(({ first, last }) => first <= range.last && range.first <= last);
        if (overlap === undefined) continue;
        const where = formatIpv4(Math.max(overlap.first, range.first));
        throw new Violation("(e)", `nodes ${other} and ${node} both allocate ${where} by version ${key}`);
      }
    }
    allocation.set(node, mine);
  }
}
