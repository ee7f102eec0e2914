/**
 * The conditions of other servers as `match` of our classes. A condition is first parsed into terms joined by and/or;
 * only forms that mean the same here are translated.
 */

import type { DraftMatch } from "./draft.ts";

/** The options that a class here can match. */
export const MATCHED_OPTIONS = { vendorClass: 60, userClass: 77, architecture: 93 } as const;

/** A condition: an option (from its start, or whole) equals octets; or several joined. */
export type Condition =
  /** `lengthMax` is how many octets were compared; undefined: the whole option. */
  | {
    readonly kind: "equals";
    readonly code: number;
    readonly lengthMax: number | undefined;
    readonly value: Uint8Array;
  }
  | { readonly kind: "exists"; readonly code: number }
  | { readonly kind: "and" | "or"; readonly terms: readonly Condition[] };

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

/** One or more classes (or means several), each with how it differs; or why there is none. */
type Matches =
  | { readonly ok: true; readonly matches: readonly DraftMatch[]; readonly remarks: readonly string[] }
  | { readonly ok: false; readonly reason: string };

const MATCHES_MAX = 20;

/** Translates a condition. */
export function matchesOf(condition: Condition): Matches {
  const remarks = new Set<string>();
  const result = translate(condition, remarks);
  if (typeof result === "string") return { ok: false, reason: result };
  return { ok: true, matches: joinArchitectures(result), remarks: [...remarks] };
}

function translate(condition: Condition, remarks: Set<string>): DraftMatch[] | string {
  switch (condition.kind) {
    case "equals":
      return equals(condition, remarks);
    case "exists":
      return `classes here compare an option with a value and can't test whether option ${condition.code} is present`;
    case "or": {
      const all: DraftMatch[] = [];
      for (const term of condition.terms) {
        const matches = translate(term, remarks);
        if (typeof matches === "string") return matches;
        all.push(...matches);
      }
      return all.length > MATCHES_MAX ? "it has too many alternatives" : all;
    }
    case "and":
      return and(condition.terms, remarks);
  }
}

function and(terms: readonly Condition[], remarks: Set<string>): DraftMatch[] | string {
  let all: DraftMatch[] = [{}];
  for (const term of terms) {
    // `exists x and x = …`: the first half is redundant.
    if (term.kind === "exists" && terms.some((other) => other.kind === "equals" && other.code === term.code)) continue;
    const matches = translate(term, remarks);
    if (typeof matches === "string") return matches;
    const joined: DraftMatch[] = [];
    for (const left of all) {
      for (const right of matches) {
        const both = Object.keys(left).find((key) => key in right);
        if (both !== undefined) return `it asks twice for ${both}`;
        joined.push({ ...left, ...right });
      }
    }
    if (joined.length > MATCHES_MAX) return "it has too many alternatives";
    all = joined;
  }
  return all;
}

function equals(condition: Extract<Condition, { kind: "equals" }>, remarks: Set<string>): DraftMatch[] | string {
  const { code, lengthMax, value } = condition;
  if (lengthMax !== undefined && lengthMax < value.length) return "it compares fewer octets than the value has";
  if (code === MATCHED_OPTIONS.architecture) {
    if (value.length !== 2 || lengthMax !== undefined && lengthMax > 2) return "an architecture has two octets";
    return [{ architecture: [(value[0] as number) * 256 + (value[1] as number)] }];
  }
  const text = printable(value);
  if (code === MATCHED_OPTIONS.vendorClass) {
    if (text === undefined) return "the vendor class has octets that are no text";
    if (lengthMax === undefined) remarks.add("here every vendor class that begins like this matches");
    return [{ vendorClass: text }];
  }
  if (code === MATCHED_OPTIONS.userClass) {
    // RFC 3004 §4: a length in front, which our classes look behind by themselves.
    const bare = value[0] === value.length - 1 ? printable(value.subarray(1)) : text;
    if (bare === undefined) return "the user class has octets that are no text";
    if (lengthMax !== undefined) remarks.add("here the user class has to be exactly this");
    return [{ userClass: bare }];
  }
  return `classes here look at the vendor class, the user class and the architecture, not at option ${code}`;
}

function printable(value: Uint8Array): string | undefined {
  const text = String.fromCharCode(...value);
  return /^[\x20-\x7e]+$/.test(text) ? text : undefined;
}

/** Alternatives that differ in the architecture only are one class. */
function joinArchitectures(matches: readonly DraftMatch[]): DraftMatch[] {
  const joined = new Map<string, DraftMatch>();
  for (const match of matches) {
    const { architecture, ...others } = match;
    const key = JSON.stringify([others, architecture === undefined]);
    const earlier = joined.get(key);
    if (earlier === undefined || architecture === undefined) joined.set(key, match);
    else joined.set(key, { ...match, architecture: [...new Set([...earlier.architecture ?? [], ...architecture])] });
  }
  return [...joined.values()];
}
