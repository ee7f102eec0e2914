/** Thrown by every checker. */

/** The checks; the README describes each. */
export type Check =
  | "(a)"
  | "(b)"
  | "(c)"
  | "(d)"
  | "(e)"
  | "(f)"
  | "(g)"
  | "(h)"
  | "(i)"
  | "(j)"
  | "(k)"
  | "(l)"
  | "(m)"
  | "(n)"
  | "(o)";

export class Violation extends Error {
  override readonly name = "Violation";
  readonly check: Check;
  constructor(check: Check, message: string) {
    super(`${check} ${message}`);
    this.check = check;
  }
}
