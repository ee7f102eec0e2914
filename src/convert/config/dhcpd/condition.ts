/** dhcpd's conditions (dhcp-eval(5)) and constant expressions. */

import { colonOctets, type Token } from "../../isc/lexer.ts";
import { isMark } from "../../isc/statements.ts";
import { latin1Bytes } from "../../leases/lease.ts";
import {
  checkDepth,
  comparison,
  type Condition,
  type Operand,
  other,
  parseCondition,
  readOr,
  Unreadable,
} from "../conditions.ts";

/** Finds the code of an option by its name; undefined when it is not defined. */
type CodeOf = (name: string) => number | undefined;

/** Reads the words of a condition; what can't be read is a condition that has no counterpart. Never throws. */
export function readCondition(words: readonly Token[], codeOf: CodeOf): Condition {
  return readOr(() => whole(new Reader(words, codeOf), (reader) => reader.or(0)), other);
}

/** The octets of an expression that is the same for all clients; undefined for any other. Never throws. */
export function readConstant(words: readonly Token[]): Uint8Array | undefined {
  const operand = readOperand(words, () => undefined);
  return operand.kind === "value" ? operand.value : undefined;
}

/** What is compared, as `match` and a subclass do; undefined when classes here can't compare it. */
export function readSubject(
  words: readonly Token[],
  codeOf: CodeOf,
): { readonly code: number; readonly lengthMax: number | undefined } | undefined {
  const operand = readOperand(words, codeOf);
  return operand.kind === "option" ? operand : undefined;
}

function readOperand(words: readonly Token[], codeOf: CodeOf): Operand {
  return readOr((): Operand => whole(new Reader(words, codeOf), (reader) => reader.operand(0)), other);
}

function whole<Read>(reader: Reader, read: (reader: Reader) => Read): Read {
  const result = read(reader);
  reader.end();
  return result;
}

class Reader {
  readonly #words: readonly Token[];
  readonly #codeOf: CodeOf;
  #at = 0;

  constructor(words: readonly Token[], codeOf: CodeOf) {
    this.#words = words;
    this.#codeOf = codeOf;
  }

  end(): void {
    const word = this.#words[this.#at];
    if (word !== undefined) throw new Unreadable(`"${word.text}" has no counterpart here`);
  }

  or(depth: number): Condition {
    return parseCondition((word) => this.#takeWord(word), () => this.#term(depth));
  }

  #term(depth: number): Condition {
    checkDepth(depth);
    if (this.#takeMark("(")) {
      const inner = this.or(depth + 1);
      this.#needMark(")");
      return inner;
    }
    if (this.#takeWord("not")) return { kind: "not", term: this.#term(depth + 1) };
    if (this.#takeWord("known")) {
      return { kind: "other", reason: "classes here can't ask for clients with a reservation" };
    }
    if (this.#takeWord("exists")) {
      const name = this.#words[this.#at++]?.text ?? "";
      const code = this.#codeOf(name);
      return code === undefined ? otherOption(name) : { kind: "exists", code };
    }
    const left = this.operand(depth);
    const negated = this.#takeMark("!");
    if (this.#takeMark("~")) {
      while (this.#takeMark("~") || this.#takeMark("="));
      this.operand(depth);
      return { kind: "other", reason: "regular expressions have no counterpart here" };
    }
    this.#needMark("=");
    const term = comparison(left, this.operand(depth));
    return negated ? { kind: "not", term } : term;
  }

  operand(depth: number): Operand {
    const word = this.#words[this.#at];
    if (word === undefined) throw new Unreadable("it is incomplete");
    checkDepth(depth);
    this.#at += 1;
    if (word.kind === "string") return { kind: "value", value: latin1Bytes(word.text) };
    switch (word.text) {
      case "option":
      case "config-option": {
        const name = this.#words[this.#at++]?.text ?? "";
        const code = this.#codeOf(name);
        return code === undefined ? otherOption(name) : { kind: "option", code, lengthMax: undefined };
      }
      case "substring":
        return this.#substring(depth);
      case "concat":
        return this.#concat(depth);
      case "encode-int":
        return this.#encodeInt();
    }
    const bytes = colonOctets(word.text);
    if (bytes !== undefined) return { kind: "value", value: bytes };
    if (isMark(this.#words[this.#at], "(")) this.#skipArguments();
    return { kind: "other", reason: `"${word.text}" has no counterpart here` };
  }

  #substring(depth: number): Operand {
    this.#needMark("(");
    const operand = this.operand(depth + 1);
    this.#needMark(",");
    const start = this.#number();
    this.#needMark(",");
    const length = this.#number();
    this.#needMark(")");
    if (operand.kind === "value") return { kind: "value", value: operand.value.slice(start, start + length) };
    if (operand.kind === "other") return operand;
    if (start !== 0 || operand.lengthMax !== undefined) {
      return { kind: "other", reason: "only a substring from the start has a counterpart" };
    }
    return { ...operand, lengthMax: length };
  }

  #concat(depth: number): Operand {
    this.#needMark("(");
    const octets: number[] = [];
    let other: Operand | undefined;
    do {
      const part = this.operand(depth + 1);
      if (part.kind === "value") octets.push(...part.value);
      else other = { kind: "other", reason: "what is joined of options has no counterpart here" };
    } while (this.#takeMark(","));
    this.#needMark(")");
    return other ?? { kind: "value", value: Uint8Array.from(octets) };
  }

  #encodeInt(): Operand {
    this.#needMark("(");
    const value = this.#number();
    this.#needMark(",");
    const octets = this.#number() >>> 3;
    this.#needMark(")");
    const value256 = (index: number) => Math.floor(value / 256 ** (octets - 1 - index));
    return { kind: "value", value: Uint8Array.from({ length: Math.min(octets, 4) }, (_, index) => value256(index)) };
  }

  #skipArguments(): void {
    let depth = 0;
    do {
      const word = this.#words[this.#at++];
      if (word === undefined) throw new Unreadable("it is incomplete");
      if (isMark(word, "(")) depth += 1;
      if (isMark(word, ")")) depth -= 1;
    } while (depth > 0);
  }

  #number(): number {
    const text = this.#words[this.#at++]?.text ?? "";
    if (!/^\d{1,9}$/.test(text)) throw new Unreadable(`"${text}" stands where a number was expected`);
    return Number(text);
  }

  #takeWord(text: string): boolean {
    const word = this.#words[this.#at];
    if (word?.kind !== "word" || word.text !== text) return false;
    this.#at += 1;
    return true;
  }

  #takeMark(text: string): boolean {
    if (!isMark(this.#words[this.#at], text)) return false;
    this.#at += 1;
    return true;
  }

  #needMark(text: string): void {
    if (this.#takeMark(text)) return;
    throw new Unreadable(`"${this.#words[this.#at]?.text ?? "the end"}" stands where "${text}" was expected`);
  }
}

function otherOption(name: string): Extract<Condition, { kind: "other" }> {
  return { kind: "other", reason: `the option "${name}" has no counterpart here` };
}
