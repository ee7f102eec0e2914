/** dhcpd's conditions (dhcp-eval(5)), as far as our classes can express them. */

import { colonOctets } from "../../isc/lexer.ts";
import type { Token } from "../../isc/lexer.ts";
import { isMark } from "../../isc/statements.ts";
import { latin1Bytes } from "../../leases/lease.ts";
import { type Condition, parseCondition } from "../matches.ts";

type ConditionResult = { readonly ok: true; readonly condition: Condition } | {
  readonly ok: false;
  readonly reason: string;
};

/** Finds the code of an option by its name; undefined when it is not defined. */
type CodeOf = (name: string) => number | undefined;

class Unknown extends Error {}

const DEPTH_MAX = 50;

/** Reads the words of a condition. Never throws. */
export function readCondition(words: readonly Token[], codeOf: CodeOf): ConditionResult {
  try {
    const reader = new Reader(words, codeOf);
    const condition = reader.or(0);
    reader.end();
    return { ok: true, condition };
  } catch (error) {
    if (error instanceof Unknown) return { ok: false, reason: error.message };
    throw error;
  }
}

type Operand =
  | { readonly kind: "value"; readonly value: Uint8Array }
  | { readonly kind: "option"; readonly code: number; readonly lengthMax: number | undefined };

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
    if (word !== undefined) throw new Unknown(`"${word.text}" has no counterpart here`);
  }

  or(depth: number): Condition {
    return parseCondition((word) => this.#takeWord(word), () => this.#term(depth));
  }

  #term(depth: number): Condition {
    if (depth > DEPTH_MAX) throw new Unknown(`it is nested too deeply: more than ${DEPTH_MAX} levels`);
    if (this.#takeMark("(")) {
      const inner = this.or(depth + 1);
      this.#needMark(")");
      return inner;
    }
    if (this.#takeWord("not")) throw new Unknown("classes here can't ask for what is not so");
    if (this.#takeWord("exists")) return { kind: "exists", code: this.#code() };
    const left = this.#operand(depth);
    if (isMark(this.#words[this.#at], "!")) throw new Unknown("classes here can't ask for what is not so");
    if (isMark(this.#words[this.#at], "~")) throw new Unknown("regular expressions have no counterpart here");
    this.#needMark("=");
    const right = this.#operand(depth);
    if (left.kind === "option" && right.kind === "value") return { ...left, kind: "equals", value: right.value };
    if (left.kind === "value" && right.kind === "option") return { ...right, kind: "equals", value: left.value };
    throw new Unknown("classes here compare an option with a constant");
  }

  #operand(depth: number): Operand {
    const word = this.#words[this.#at];
    if (word === undefined) throw new Unknown("it is incomplete");
    if (depth > DEPTH_MAX) throw new Unknown(`it is nested too deeply: more than ${DEPTH_MAX} levels`);
    this.#at += 1;
    if (word.kind === "string") return { kind: "value", value: latin1Bytes(word.text) };
    if (word.text === "option") {
      this.#at -= 1;
      return { kind: "option", code: this.#option(), lengthMax: undefined };
    }
    if (word.text === "substring") {
      this.#needMark("(");
      const operand = this.#operand(depth + 1);
      this.#needMark(",");
      const start = this.#number();
      this.#needMark(",");
      const length = this.#number();
      this.#needMark(")");
      if (operand.kind !== "option" || start !== 0) {
        throw new Unknown("only a substring from the start has a counterpart");
      }
      return { ...operand, lengthMax: length };
    }
    if (word.text === "encode-int") {
      this.#needMark("(");
      const value = this.#number();
      this.#needMark(",");
      const bits = this.#number();
      this.#needMark(")");
      const octets = Array.from(
        { length: bits >>> 3 },
        (_, index) => Math.floor(value / 256 ** ((bits >>> 3) - 1 - index)),
      );
      return { kind: "value", value: Uint8Array.from(octets) };
    }
    const bytes = /:/.test(word.text) ? colonOctets(word.text) : undefined;
    if (bytes !== undefined) return { kind: "value", value: bytes };
    throw new Unknown(`"${word.text}" has no counterpart here`);
  }

  #option(): number {
    if (!this.#takeWord("option")) throw new Unknown("only options can be compared here");
    return this.#code();
  }

  #code(): number {
    const name = this.#words[this.#at++]?.text ?? "";
    const code = this.#codeOf(name);
    if (code === undefined) throw new Unknown(`the option "${name}" has no counterpart here`);
    return code;
  }

  #number(): number {
    const text = this.#words[this.#at++]?.text ?? "";
    if (!/^\d{1,9}$/.test(text)) throw new Unknown(`"${text}" stands where a number was expected`);
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
    throw new Unknown(`"${this.#words[this.#at]?.text ?? "the end"}" stands where "${text}" was expected`);
  }
}
