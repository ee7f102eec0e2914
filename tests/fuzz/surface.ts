/** What a part of the programs must offer to be fuzzed: inputs from dice, and a check of what must hold for each. */

import type { Dice } from "./dice.ts";

/** A place where octets or text come in from outside. */
export interface Surface {
  readonly name: string;
  /** Its share of the time of a run, relative to the others. */
  readonly weight: number;
  /** Inputs of the quick pass: about a second. */
  readonly quick: number;
  /** How long an input may take, where it may wait on purpose; 100 ms unless given. */
  readonly slowMs?: number;
  /** Inputs that follow each other on one state, in order; one unless given. */
  readonly caseInputs?: number;
  /** Labels that every run of some thousand inputs has: without them it would have tested one branch only. */
  readonly labels: readonly string[];
  /** Before the first input of a run. */
  open?(): Promise<void>;
  /** A state of its own for the inputs of one case. */
  begin?(): void;
  /** Makes an input, from the dice only; valid until the next call. */
  compose(dice: Dice): Uint8Array;
  /** Throws when something that must hold does not; returns which branch was taken. */
  check(input: Uint8Array): string | Promise<string>;
  /** After the last input of a run. */
  close?(): Promise<void>;
}

/** What must hold does not. */
export class Violation extends Error {
  override readonly name = "Violation";
}

export function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Violation(what);
}
