/**
 * The conditions of other servers, whole, and what a class here can match of them. Readers translate every condition
 * into this form; what a class can't express is decided here and nowhere else.
 */

import type { DraftMatch } from "./draft.ts";

/** The options that a class here can match. */
export const MATCHED_OPTIONS = { vendorClass: 60, userClass: 77, architecture: 93 } as const;

/** A condition on a client's message. */
export type Condition =
  /** `lengthMax` is how many octets were compared; undefined: the whole option. */
  | {
    readonly kind: "equals";
    readonly code: number;
    readonly lengthMax: number | undefined;
    readonly value: Uint8Array;
  }
  /** The octets stand anywhere in the option. */
  | { readonly kind: "contains"; readonly code: number; readonly value: Uint8Array }
  | { readonly kind: "exists"; readonly code: number }
  | { readonly kind: "and" | "or"; readonly terms: readonly Condition[] }
  | { readonly kind: "not"; readonly term: Condition }
  | { readonly kind: "constant"; readonly value: boolean }
  /** Something else, and why no class here can ask for it. */
  | { readonly kind: "other"; readonly reason: string };

export const ALWAYS: Condition = { kind: "constant", value: true };

/** Both hold. */
export function both(left: Condition, right: Condition): Condition {
  if (left === ALWAYS) return right;
  return right === ALWAYS ? left : { kind: "and", terms: [left, right] };
}

/** Terms joined by and/or; `and` binds tighter. `take` consumes the word if it comes next, `term` reads one term. */
export function parseCondition(take: (word: "and" | "or") => boolean, term: () => Condition): Condition {
  const joined = (kind: "and" | "or", part: () => Condition): Condition => {
    const first = part();
    const terms = [first];
    while (take(kind)) terms.push(part());
    return terms.length === 1 ? first : { kind, terms };
  };
  return joined("or", () => joined("and", term));
}

/** What can't be read, and why. */
export class Unreadable extends Error {}

const DEPTH_MAX = 50;

/** Readers call it at each level of nesting. */
export function checkDepth(depth: number): void {
  if (depth > DEPTH_MAX) throw new Unreadable(`it is nested too deeply: more than ${DEPTH_MAX} levels`);
}

/** What `read` reads, or what follows from the reason why it can't be read. */
export function readOr<Read>(read: () => Read, unread: (reason: string) => Read): Read {
  try {
    return read();
  } catch (error) {
    if (error instanceof Unreadable) return unread(error.message);
    throw error;
  }
}

/** A condition that has no counterpart. */
export function other(reason: string): Extract<Condition, { kind: "other" }> {
  return { kind: "other", reason };
}

type Exists = Extract<Condition, { kind: "exists" }>;

/** One side of a comparison. */
export type Operand =
  | { readonly kind: "value"; readonly value: Uint8Array }
  | { readonly kind: "option"; readonly code: number; readonly lengthMax: number | undefined }
  | { readonly kind: "other"; readonly reason: string };

/** Both sides are equal. Whether an option is there is no value to compare. */
export function comparison(left: Operand | Exists, right: Operand | Exists): Condition {
  if (left.kind === "option" && right.kind === "value") return { ...left, kind: "equals", value: right.value };
  if (left.kind === "value" && right.kind === "option") return { ...right, kind: "equals", value: left.value };
  for (const operand of [left, right]) if (operand.kind === "other") return operand;
  return other("classes here compare an option with a constant");
}

/** Clients that match `match` and none of `except`. An empty match is every client. */
export interface Clients {
  readonly match: DraftMatch;
  readonly except: readonly DraftMatch[];
}

/** The clients that a condition means, as far as classes can tell them, and how that differs. */
export interface Translation {
  readonly clients: readonly Clients[];
  /** What clients of the other server are not among them, or are although they are not there. */
  readonly remarks: readonly string[];
  /** Why some, or all, of the clients are not among them. */
  readonly reasons: readonly string[];
}

const CLIENTS_MAX = 40;
const NEVER = "never";

/** Translates conditions of one file, whose values are known as a whole. */
export class Translator {
  /** The vendor classes that the file compares: an exact one does not mean the longer ones. */
  readonly #vendorClasses = new Set<string>();

  /** User classes, each with the forms in which the file writes it (RFC 3004 §4: with a length in front). */
  readonly #userClasses = new Map<string, Set<boolean>>();

  /** Takes note of what a condition compares. */
  note(condition: Condition): void {
    switch (condition.kind) {
      case "and":
      case "or":
        return condition.terms.forEach((term) => this.note(term));
      case "not":
        return this.note(condition.term);
      case "equals":
      case "contains": {
        const text = printable(condition.value);
        if (condition.code === MATCHED_OPTIONS.vendorClass && text !== undefined) this.#vendorClasses.add(text);
        const user = condition.code === MATCHED_OPTIONS.userClass ? userClassOf(condition.value) : undefined;
        if (user !== undefined) {
          this.#userClasses.set(user.text, (this.#userClasses.get(user.text) ?? new Set()).add(user.counted));
        }
      }
    }
  }

  translate(condition: Condition): Translation {
    const remarks = new Set<string>();
    const reasons = new Set<string>();
    const clients = this.#translate(condition, false, remarks, reasons);
    return { clients: joinArchitectures(clients), remarks: [...remarks], reasons: [...reasons] };
  }

  #translate(condition: Condition, negated: boolean, remarks: Set<string>, reasons: Set<string>): Clients[] {
    const inner = (term: Condition) => this.#translate(term, negated, remarks, reasons);
    switch (condition.kind) {
      case "constant":
        return condition.value !== negated ? [{ match: {}, except: [] }] : [];
      case "other":
        reasons.add(condition.reason);
        return [];
      case "not":
        return this.#translate(condition.term, !negated, remarks, reasons);
      case "and":
      case "or": {
        // `exists x and x = …`: the first half is redundant.
        const terms = condition.terms.filter((term) =>
          condition.kind === "or" || term.kind !== "exists" ||
          !condition.terms.some((other) => other.kind === "equals" && other.code === term.code)
        );
        if ((condition.kind === "or") !== negated) {
          const all = terms.flatMap(inner);
          if (all.length <= CLIENTS_MAX) return all;
        } else {
          const all = terms.map(inner).reduce(meetAll, [{ match: {}, except: [] }]);
          if (all.length <= CLIENTS_MAX) return all;
        }
        reasons.add("it has too many alternatives");
        return [];
      }
      case "exists":
        reasons.add(
          `classes here compare an option with a value and can't test whether option ${condition.code} is present`,
        );
        return [];
      case "equals":
      case "contains": {
        const found = condition.kind === "equals"
          ? this.#equals(condition, remarks)
          : this.#contains(condition, remarks);
        if (found === NEVER) {
          remarks.add("a comparison in it never holds, there neither: the lengths differ");
          return negated ? [{ match: {}, except: [] }] : [];
        }
        if (typeof found === "string") {
          reasons.add(found);
          return [];
        }
        if (!negated) return found;
        // Not the one, or the one that does not count after all, which clients of a file hardly are.
        return [{ match: {}, except: found.map(({ match }) => match) }];
      }
    }
  }

  #equals(condition: Extract<Condition, { kind: "equals" }>, remarks: Set<string>): Clients[] | string {
    const { code, lengthMax, value } = condition;
    if (lengthMax !== undefined && lengthMax < value.length) return NEVER;
    // Fewer octets in the option than were asked for: the comparison is with the whole option.
    const whole = lengthMax === undefined || lengthMax > value.length;
    if (code === MATCHED_OPTIONS.architecture) {
      if (value.length !== 2) return NEVER;
      return [{ match: { architecture: [(value[0] as number) * 256 + (value[1] as number)] }, except: [] }];
    }
    const text = printable(value);
    if (code === MATCHED_OPTIONS.vendorClass) {
      if (text === undefined) return "the vendor class has octets that are no text";
      if (!whole) return [{ match: { vendorClass: text }, except: [] }];
      remarks.add("here every vendor class that begins like this matches");
      const longer = [...this.#vendorClasses].filter((one) => one !== text && one.startsWith(text));
      return [{ match: { vendorClass: text }, except: longer.map((vendorClass) => ({ vendorClass })) }];
    }
    if (code === MATCHED_OPTIONS.userClass) {
      const user = userClassOf(value);
      if (user === undefined) return "the user class has octets that are no text";
      if (!whole) remarks.add("here the user class has to be exactly this");
      else if ((this.#userClasses.get(user.text)?.size ?? 0) > 1) {
        remarks.add("here a user class matches with and without a length in front (RFC 3004)");
      }
      return [{ match: { userClass: user.text }, except: [] }];
    }
    return `classes here look at the vendor class, the user class and the architecture, not at option ${code}`;
  }

  #contains(condition: Extract<Condition, { kind: "contains" }>, remarks: Set<string>): Clients[] | string {
    const { code, value } = condition;
    const text = printable(value);
    if (code === MATCHED_OPTIONS.vendorClass && text !== undefined) {
      remarks.add("there it is looked for anywhere in the vendor class; here it has to be its beginning");
      const firmware = /^Arch:\d{5}/.test(text) ? ["PXEClient", "HTTPClient"].map((kind) => `${kind}:${text}`) : [];
      const within = [...this.#vendorClasses].filter((one) => one.indexOf(text) > 0);
      return [text, ...firmware, ...within].map((vendorClass) => ({ match: { vendorClass }, except: [] }));
    }
    if (code === MATCHED_OPTIONS.userClass && text !== undefined) {
      remarks.add("there it is looked for anywhere in a user class; here it has to be all of it");
      return [{ match: { userClass: text }, except: [] }];
    }
    if (code === MATCHED_OPTIONS.architecture) {
      return this.#equals({ ...condition, kind: "equals", lengthMax: undefined }, remarks);
    }
    return `classes here look at the vendor class, the user class and the architecture, not at option ${code}`;
  }
}

/** The text of a user class, and whether its length stands in front, which our classes look behind by themselves. */
function userClassOf(value: Uint8Array): { readonly text: string; readonly counted: boolean } | undefined {
  const counted = value[0] === value.length - 1;
  const text = printable(counted ? value.subarray(1) : value);
  return text === undefined ? undefined : { text, counted };
}

function meetAll(left: readonly Clients[], right: readonly Clients[]): Clients[] {
  const all: Clients[] = [];
  for (const one of left) {
    for (const other of right) {
      const match = meet(one.match, other.match);
      if (match === undefined) continue;
      const except = [...one.except, ...other.except].filter((out) => meet(out, match) !== undefined);
      if (!except.some((out) => implies(match, out))) all.push({ match, except });
    }
  }
  return all;
}

/** What clients of both match; undefined when none can. */
export function meet(left: DraftMatch, right: DraftMatch): DraftMatch | undefined {
  const vendors = [left.vendorClass, right.vendorClass].filter((one) => one !== undefined)
    .sort((a, b) => b.length - a.length);
  const [vendorClass, shorter] = vendors;
  if (shorter !== undefined && !vendorClass?.startsWith(shorter)) return undefined;
  const userClass = left.userClass ?? right.userClass;
  if (right.userClass !== undefined && right.userClass !== userClass) return undefined;
  const architecture = left.architecture === undefined || right.architecture === undefined
    ? left.architecture ?? right.architecture
    : left.architecture.filter((one) => right.architecture?.includes(one));
  if (architecture?.length === 0) return undefined;
  return {
    ...vendorClass === undefined ? {} : { vendorClass },
    ...userClass === undefined ? {} : { userClass },
    ...architecture === undefined ? {} : { architecture },
  };
}

/** Whether all clients that match the one match the other. */
export function implies(one: DraftMatch, other: DraftMatch): boolean {
  if (other.vendorClass !== undefined && !one.vendorClass?.startsWith(other.vendorClass)) return false;
  if (other.userClass !== undefined && one.userClass !== other.userClass) return false;
  const { architecture } = other;
  return architecture === undefined ||
    one.architecture !== undefined && one.architecture.every((each) => architecture.includes(each));
}

function printable(value: Uint8Array): string | undefined {
  const text = String.fromCharCode(...value);
  return /^[\x20-\x7e]+$/.test(text) ? text : undefined;
}

/** Alternatives that differ in the architecture only are one class. */
function joinArchitectures(all: readonly Clients[]): Clients[] {
  const joined = new Map<string, Clients>();
  for (const clients of all) {
    const { architecture, ...others } = clients.match;
    const key = JSON.stringify([others, architecture === undefined, clients.except]);
    const earlier = joined.get(key)?.match.architecture;
    if (earlier === undefined || architecture === undefined) joined.set(key, clients);
    else {joined.set(key, {
        ...clients,
        match: { ...others, architecture: [...new Set([...earlier, ...architecture])] },
      });}
  }
  return [...joined.values()];
}
