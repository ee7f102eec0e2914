/**
 * Regular expressions in time that grows with the text alone (RE2's syntax, as CEL wants it, without groups by name,
 * back references and look-around): V8's own may take minutes for a text that a client chose. A pattern becomes a
 * nondeterministic automaton (Thompson's construction), whose sets of states become those of a deterministic one when
 * a text first leads there. Characters are octets: text is Latin-1.
 */

/** Steps of an automaton; repetitions are written out. */
const STEPS_MAX = 512;
/** Sets of states that are remembered; then all are forgotten. */
const SETS_MAX = 256;
const REPEAT_MAX = 100;
const DEPTH_MAX = 16;

/** What is wrong with a pattern, and where. */
export class PatternError extends Error {
  constructor(readonly at: number, message: string) {
    super(message);
  }
}

type Octets = (octet: number) => boolean;

type Node =
  | { readonly kind: "octet"; readonly has: Octets }
  | { readonly kind: "start" | "end" }
  | { readonly kind: "sequence" | "choice"; readonly of: readonly Node[] }
  | { readonly kind: "repeat"; readonly of: Node; readonly min: number; readonly max: number };

const DIGIT: Octets = (octet) => octet >= 0x30 && octet <= 0x39;
const WORD: Octets = (octet) => /\w/.test(String.fromCharCode(octet));
const SPACE: Octets = (octet) => octet === 0x20 || (octet >= 0x09 && octet <= 0x0d && octet !== 0x0b);
const ANY: Octets = (octet) => octet !== 0x0a;
const SETS: Readonly<Record<string, Octets>> = { d: DIGIT, w: WORD, s: SPACE };
const CONTROLS: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09, f: 0x0c, v: 0x0b };

/** Reads a pattern. */
class PatternParser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#at < this.#text.length) this.#fail('has a ")" without a "("');
    return node;
  }

  #fail(message: string): never {
    throw new PatternError(this.#at, message);
  }

  #next(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #choice(): Node {
    if (++this.#depth > DEPTH_MAX) this.#fail(`is nested more than ${DEPTH_MAX} times`);
    const of = [this.#sequence()];
    while (this.#next("|")) of.push(this.#sequence());
    this.#depth -= 1;
    return { kind: "choice", of };
  }

  #sequence(): Node {
    const of: Node[] = [];
    while (this.#at < this.#text.length && !"|)".includes(this.#text[this.#at] as string)) of.push(this.#repeated());
    return { kind: "sequence", of };
  }

  #repeated(): Node {
    const of = this.#single();
    const count = /^(?:[*+?]|\{(\d{1,4})(,?)(\d{0,4})\})/.exec(this.#text.slice(this.#at, this.#at + 12));
    if (count === null) return of;
    const [all, first, comma, second] = count;
    const min = first === undefined ? (all === "+" ? 1 : 0) : Number(first);
    const last = second === "" ? Infinity : Number(second);
    const max = first === undefined ? (all === "?" ? 1 : Infinity) : (comma === "" ? min : last);
    if (max < min || min > REPEAT_MAX || (max !== Infinity && max > REPEAT_MAX)) {
      this.#fail(`repeats ${all}; write at most {${REPEAT_MAX}}, the smaller number first`);
    }
    this.#at += all.length;
    // Whether as few as possible: that makes no difference for whether a text matches.
    this.#next("?");
    if (/^[*+?]/.test(this.#text.slice(this.#at))) this.#fail("has nothing to repeat; put \\ in front of a sign");
    return { kind: "repeat", of, min, max };
  }

  #single(): Node {
    if (this.#next("(")) {
      if (!this.#next("?:") && this.#text[this.#at] === "?") this.#fail('has "(?"; only "(?:" is possible here');
      const node = this.#choice();
      if (!this.#next(")")) this.#fail('lacks a ")"');
      return node;
    }
    if (this.#next("^")) return { kind: "start" };
    if (this.#next("$")) return { kind: "end" };
    if (this.#next(".")) return { kind: "octet", has: ANY };
    if (this.#next("[")) return { kind: "octet", has: this.#set() };
    if (/^[*+?]/.test(this.#text[this.#at] as string)) this.#fail("has nothing to repeat; put \\ in front of a sign");
    return { kind: "octet", has: this.#escaped() };
  }

  /** A character, or a set of them behind a backslash. */
  #escaped(): Octets {
    const isEscape = this.#next("\\");
    const sign = this.#text[this.#at];
    if (sign === undefined) this.#fail("ends too early");
    if (sign.charCodeAt(0) > 0xff) this.#fail(`has "${sign}", which no octet is`);
    this.#at += 1;
    if (!isEscape) return same(sign.charCodeAt(0));
    const set = SETS[sign.toLowerCase()];
    if (set !== undefined) return sign === sign.toLowerCase() ? set : (octet) => !set(octet);
    if (sign === "x") {
      const digits = /^[0-9a-f]{2}/i.exec(this.#text.slice(this.#at))?.[0];
      if (digits === undefined) this.#fail("lacks two digits behind \\x");
      this.#at += 2;
      return same(Number.parseInt(digits, 16));
    }
    const control = CONTROLS[sign];
    if (control !== undefined) return same(control);
    if (/[a-z0-9]/i.test(sign)) this.#fail(`has \\${sign}, which is not known here`);
    return same(sign.charCodeAt(0));
  }

  /** What is between brackets. */
  #set(): Octets {
    const isNegated = this.#next("^");
    const parts: Octets[] = [];
    do {
      if (this.#at >= this.#text.length) this.#fail('lacks a "]"');
      const from = this.#escaped();
      const isRange = this.#text[this.#at] === "-" && this.#text[this.#at + 1] !== "]";
      if (!isRange) {
        parts.push(from);
        continue;
      }
      this.#at += 1;
      const [low, high] = [only(from), only(this.#escaped())];
      if (low === undefined || high === undefined || low > high) this.#fail("has a range from a later to an earlier");
      parts.push((octet) => octet >= low && octet <= high);
    } while (!this.#next("]"));
    return (octet) => parts.some((part) => part(octet)) !== isNegated;
  }
}

function same(wanted: number): Octets {
  return (octet) => octet === wanted;
}

/** The only octet of a set. */
function only(has: Octets): number | undefined {
  const all = Array.from({ length: 256 }, (_, octet) => octet).filter(has);
  return all.length === 1 ? all[0] : undefined;
}

/** A state of the automaton: it takes an octet, or leads on without one. */
type Step =
  | { readonly kind: "octet"; readonly has: Octets; readonly to: number }
  | { readonly kind: "start" | "end" | "any"; readonly to: readonly number[] }
  | { readonly kind: "found" };

/** Builds the automaton from its end: each step knows where it leads to. */
class StepBuilder {
  readonly steps: Step[] = [{ kind: "found" }];

  /** Adds a node in front of `to`; the number of its first step. */
  add(node: Node, to: number): number {
    switch (node.kind) {
      case "octet":
        return this.#push({ kind: "octet", has: node.has, to });
      case "start":
      case "end":
        return this.#push({ kind: node.kind, to: [to] });
      case "sequence":
        return node.of.reduceRight((next, part) => this.add(part, next), to);
      case "choice": {
        const [first, ...more] = node.of.map((part) => this.add(part, to));
        return more.length === 0 ? first as number : this.#push({ kind: "any", to: [first as number, ...more] });
      }
      case "repeat":
        return this.#repeat(node, to);
    }
  }

  #repeat({ of, min, max }: Extract<Node, { kind: "repeat" }>, to: number): number {
    let first = to;
    if (max === Infinity) {
      const ways = [to];
      first = this.#push({ kind: "any", to: ways });
      ways.push(this.add(of, first));
    } else {
      for (let count = min; count < max; count++) first = this.#push({ kind: "any", to: [to, this.add(of, first)] });
    }
    for (let count = 0; count < min; count++) {
      const before = first;
      first = this.add(of, before);
      // Nothing, however often.
      if (first === before) break;
    }
    return first;
  }

  #push(step: Step): number {
    if (this.steps.length === STEPS_MAX) throw new PatternError(0, "is too large; shorten it or its repetitions");
    return this.steps.push(step) - 1;
  }
}

/** A set of states between two octets. */
interface StateSet {
  readonly states: readonly number[];
  readonly isFound: boolean;
  /** The same if the text ends here. */
  readonly isFoundAtEnd: boolean;
  /** By kind of octet. */
  readonly next: (StateSet | undefined)[];
}

/** A compiled pattern. */
export class Pattern {
  readonly #steps: readonly Step[];
  readonly #first: number;
  /** Octets that no step tells apart are of one kind. */
  readonly #kindOf = new Uint16Array(256);
  #sets = new Map<string, StateSet>();
  #start: StateSet;

  /** Throws a {@link PatternError}. */
  constructor(text: string) {
    const builder = new StepBuilder();
    this.#first = builder.add(new PatternParser(text).parse(), 0);
    this.#steps = builder.steps;
    const kinds = new Map<string, number>();
    const octets = this.#steps.filter((step) => step.kind === "octet");
    for (let octet = 0; octet < 256; octet++) {
      const kind = octets.map(({ has }) => has(octet) ? "1" : "0").join("");
      if (!kinds.has(kind)) kinds.set(kind, kinds.size);
      this.#kindOf[octet] = kinds.get(kind) as number;
    }
    this.#start = this.#setOf([this.#first], true);
  }

  /** Whether some part of a text matches; `^` and `$` tie it to the ends. */
  test(text: string): boolean {
    let set = this.#start;
    for (let at = 0; at < text.length; at++) {
      if (set.isFound) return true;
      const octet = text.charCodeAt(at);
      const kind = this.#kindOf[octet] as number;
      set = set.next[kind] ??= this.#after(set, octet);
    }
    return set.isFoundAtEnd;
  }

  #after({ states }: StateSet, octet: number): StateSet {
    const next = [this.#first];
    for (const number of states) {
      const step = this.#steps[number] as Step;
      if (step.kind === "octet" && step.has(octet)) next.push(step.to);
    }
    return this.#setOf(next, false);
  }

  #setOf(from: readonly number[], isStart: boolean): StateSet {
    const states = this.#reach(from, { isStart, isEnd: false });
    const key = `${isStart} ${states.join(" ")}`;
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    if (this.#sets.size === SETS_MAX) this.#forget();
    const isFoundAtEnd = this.#reach(from, { isStart, isEnd: true }).includes(0);
    const set: StateSet = { states, isFound: states.includes(0), isFoundAtEnd, next: [] };
    this.#sets.set(key, set);
    return set;
  }

  #forget(): void {
    this.#sets = new Map();
    this.#start = this.#setOf([this.#first], true);
  }

  /** All states that are reached without an octet, sorted. */
  #reach(from: readonly number[], { isStart, isEnd }: { isStart: boolean; isEnd: boolean }): number[] {
    const reached = new Set<number>();
    const open = [...from];
    for (let number = open.pop(); number !== undefined; number = open.pop()) {
      if (reached.has(number)) continue;
      reached.add(number);
      const step = this.#steps[number] as Step;
      if (step.kind === "any" || (step.kind === "start" && isStart) || (step.kind === "end" && isEnd)) {
        open.push(...step.to);
      }
    }
    return [...reached].sort((a, b) => a - b);
  }
}
