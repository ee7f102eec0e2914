/** Kea's class expressions (`test`), as far as our classes can express them. */

import { fromHex } from "../../../bytes/hex.ts";
import { optionByName } from "../../../dhcp/options/mod.ts";
import { latin1Bytes } from "../../leases/lease.ts";
import { type Condition, parseCondition } from "../matches.ts";

/** The condition, or why no class here can express it. */
type TestResult = { readonly ok: true; readonly condition: Condition } | {
  readonly ok: false;
  readonly reason: string;
};

class Unknown extends Error {}

const TOKEN = /\s*(?:('[^']*')|(0x[0-9a-f]+)|([A-Za-z][\w-]*)|(-?\d+)|(==|[()[\],.]))/iy;
const DEPTH_MAX = 50;

/** Reads an expression. Never throws. */
export function readTest(text: string): TestResult {
  try {
    const reader = new Reader(text);
    const condition = reader.or(0);
    reader.end();
    return { ok: true, condition };
  } catch (error) {
    if (error instanceof Unknown) return { ok: false, reason: error.message };
    throw error;
  }
}

class Reader {
  readonly #tokens: string[] = [];
  #at = 0;

  constructor(text: string) {
    const trimmed = text.trimEnd();
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < trimmed.length;) {
      const start = TOKEN.lastIndex;
      const match = TOKEN.exec(trimmed);
      if (match === null) throw new Unknown(`"${trimmed.slice(start, start + 20)}" can't be read`);
      this.#tokens.push(match[0].trim());
    }
  }

  end(): void {
    if (this.#at < this.#tokens.length) throw new Unknown(`"${this.#tokens[this.#at]}" has no counterpart here`);
  }

  or(depth: number): Condition {
    return parseCondition((word) => this.#take(word), () => this.#term(depth));
  }

  #term(depth: number): Condition {
    if (depth > DEPTH_MAX) throw new Unknown(`it is nested too deeply: more than ${DEPTH_MAX} levels`);
    if (this.#take("not")) throw new Unknown("classes here can't ask for what is not so");
    if (this.#take("(")) {
      const inner = this.or(depth + 1);
      this.#need(")");
      return inner;
    }
    if (this.#take("member")) throw new Unknown("classes here can't depend on other classes");
    const left = this.#operand(depth);
    if (left.kind === "exists") return left;
    this.#need("==");
    const right = this.#operand(depth);
    if (left.kind === "value" && right.kind === "option") return equal(right, left);
    if (left.kind === "option" && right.kind === "value") return equal(left, right);
    throw new Unknown("classes here compare an option with a constant");
  }

  #operand(depth: number): Operand | { readonly kind: "exists"; readonly code: number } {
    if (depth > DEPTH_MAX) throw new Unknown(`it is nested too deeply: more than ${DEPTH_MAX} levels`);
    const token = this.#tokens[this.#at++] ?? "";
    if (token.startsWith("'")) return { kind: "value", value: latin1Bytes(token.slice(1, -1)) };
    if (/^0x/i.test(token)) {
      const digits = token.slice(2);
      const value = fromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
      if (value !== undefined) return { kind: "value", value };
    }
    if (token === "substring") {
      this.#need("(");
      const operand = this.#operand(depth + 1);
      this.#need(",");
      const start = this.#tokens[this.#at++];
      this.#need(",");
      const length = this.#tokens[this.#at++] ?? "";
      this.#need(")");
      if (operand.kind !== "option" || start !== "0") {
        throw new Unknown("only a substring from the start has a counterpart");
      }
      return { ...operand, lengthMax: length === "all" ? undefined : Number(length) };
    }
    if (token === "option") {
      this.#need("[");
      const name = this.#tokens[this.#at++] ?? "";
      this.#need("]");
      this.#need(".");
      const form = this.#tokens[this.#at++] ?? "";
      const code = /^\d+$/.test(name) ? Number(name) : optionByName(name)?.code;
      if (code === undefined) throw new Unknown(`the option "${name}" is unknown`);
      if (form === "exists") return { kind: "exists", code };
      if (form === "hex" || form === "text") return { kind: "option", code, lengthMax: undefined };
      throw new Unknown(`".${form}" has no counterpart here`);
    }
    throw new Unknown(`"${token}" has no counterpart here`);
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at += 1;
    return true;
  }

  #need(token: string): void {
    if (this.#take(token)) return;
    throw new Unknown(`"${this.#tokens[this.#at] ?? "the end"}" stands where "${token}" was expected`);
  }
}

type Operand =
  | { readonly kind: "value"; readonly value: Uint8Array }
  | { readonly kind: "option"; readonly code: number; readonly lengthMax: number | undefined };

function equal(
  option: Extract<Operand, { kind: "option" }>,
  { value }: Extract<Operand, { kind: "value" }>,
): Condition {
  return { kind: "equals", code: option.code, lengthMax: option.lengthMax, value };
}
