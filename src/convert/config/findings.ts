/** What a conversion reports beside the configuration. */

import { printable } from "../../unseen.ts";
import { excerpt, type Place } from "../leases/lease.ts";

/**
 * `lost`: not carried over. `changed`: carried over, with another meaning in some cases. `needless`: not carried over
 * and not needed.
 */
export type FindingKind = "lost" | "changed" | "needless";

export interface Finding extends Place {
  readonly kind: FindingKind;
  /** The beginning of the statement, on one line. */
  readonly statement: string;
  /** Why, and what to do instead. */
  readonly advice: string;
}

/** Collects findings; what they quote of the file is made visible. */
export class Findings {
  readonly all: Finding[] = [];

  lost(place: Place, statement: string, advice: string): void {
    this.#add("lost", place, statement, advice);
  }

  changed(place: Place, statement: string, advice: string): void {
    this.#add("changed", place, statement, advice);
  }

  needless(place: Place, statement: string, advice: string): void {
    this.#add("needless", place, statement, advice);
  }

  #add(kind: FindingKind, { file, line }: Place, statement: string, advice: string): void {
    this.all.push({ kind, file, line, statement: excerpt(statement), advice: printable(advice) });
  }
}

/** The advice of a table for a statement that has no counterpart. */
export interface Advice {
  readonly kind: FindingKind;
  readonly advice: string;
}

export const lost = (advice: string): Advice => ({ kind: "lost", advice });
export const needless = (advice: string): Advice => ({ kind: "needless", advice });
