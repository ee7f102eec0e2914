/** Kea's class expressions (`test`). */

import { fromHex } from "../../../bytes/hex.ts";
import { optionByKey, optionByName } from "../../../dhcp/options/mod.ts";
import { latin1Bytes } from "../../leases/lease.ts";
import {
  checkDepth,
  comparison,
  type Condition,
  type Operand as Compared,
  other,
  parseCondition,
  readOr,
  Unreadable,
} from "../conditions.ts";

type Operand = Compared | Extract<Condition, { kind: "exists" }>;

/** The condition of another class. */
type ConditionOf = (name: string) => Condition;

const TOKEN = /\s*(?:('[^']*')|(0x[0-9a-f]+)|([A-Za-z][\w-]*)|(-?\d+)|(==|[()[\],.]))/iy;

/** Reads an expression; what can't be read is a condition that has no counterpart. Never throws. */
export function readTest(text: string, conditionOf: ConditionOf): Condition {
  return readOr((): Condition => {
    const reader = new Reader(text, conditionOf);
    const condition = reader.or(0);
    reader.end();
    return condition;
  }, other);
}

class Reader {
  readonly #tokens: string[] = [];
  readonly #conditionOf: ConditionOf;
  #at = 0;

  constructor(text: string, conditionOf: ConditionOf) {
    this.#conditionOf = conditionOf;
    const trimmed = text.trimEnd();
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < trimmed.length;) {
      const start = TOKEN.lastIndex;
      const match = TOKEN.exec(trimmed);
      if (match === null) throw new Unreadable(`"${trimmed.slice(start, start + 20)}" can't be read`);
      this.#tokens.push(match[0].trim());
    }
  }

  end(): void {
    if (this.#at < this.#tokens.length) throw new Unreadable(`"${this.#tokens[this.#at]}" has no counterpart here`);
  }

  or(depth: number): Condition {
    return parseCondition((word) => this.#take(word), () => this.#term(depth));
  }

  #term(depth: number): Condition {
    checkDepth(depth);
    if (this.#take("not")) return { kind: "not", term: this.#term(depth + 1) };
    if (this.#take("(")) {
      const inner = this.or(depth + 1);
      this.#need(")");
      return inner;
    }
    if (this.#take("member")) {
      this.#need("(");
      const name = this.#tokens[this.#at++] ?? "";
      this.#need(")");
      return this.#conditionOf(name.replaceAll("'", ""));
    }
    const left = this.#operand(depth);
    if (left.kind === "exists") return left;
    this.#need("==");
    return comparison(left, this.#operand(depth));
  }

  #operand(depth: number): Operand {
    checkDepth(depth);
    const token = this.#tokens[this.#at++] ?? "";
    if (token.startsWith("'")) return { kind: "value", value: latin1Bytes(token.slice(1, -1)) };
    if (/^0x/i.test(token)) {
      const digits = token.slice(2);
      const value = fromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
      if (value !== undefined) return { kind: "value", value };
    }
    if (token === "substring") return this.#substring(depth);
    if (token === "option") return this.#option();
    // `relay4[1].hex`, `pkt4.mac`, `concat(…)` and the like.
    let at = this.#at;
    for (let open = 0; at < this.#tokens.length; at++) {
      const next = this.#tokens[at] ?? "";
      if (open === 0 && !"([.".includes(next) && this.#tokens[at - 1] !== ".") break;
      if ("([".includes(next)) open += 1;
      if (")]".includes(next)) open -= 1;
    }
    if (at === this.#at) throw new Unreadable(`"${token}" has no counterpart here`);
    const form = this.#tokens.slice(this.#at, at).join("");
    this.#at = at;
    return { kind: "other", reason: `"${token}${form}" has no counterpart here` };
  }

  #substring(depth: number): Operand {
    this.#need("(");
    const operand = this.#operand(depth + 1);
    this.#need(",");
    const start = this.#tokens[this.#at++];
    this.#need(",");
    const length = this.#tokens[this.#at++] ?? "";
    this.#need(")");
    if (operand.kind === "other") return operand;
    if (operand.kind !== "option" || operand.lengthMax !== undefined || start !== "0" || length.startsWith("-")) {
      return { kind: "other", reason: "only a substring from the start has a counterpart" };
    }
    return { ...operand, lengthMax: length === "all" ? undefined : Number(length) };
  }

  #option(): Operand {
    this.#need("[");
    const name = this.#tokens[this.#at++] ?? "";
    this.#need("]");
    this.#need(".");
    const form = this.#tokens[this.#at++] ?? "";
    const code = /^\d+$/.test(name) ? Number(name) : optionByName(name)?.code;
    if (form === "option") {
      while (["[", "]", "."].includes(this.#tokens[this.#at] ?? "") || this.#tokens[this.#at - 1] === ".") {
        this.#at += 1;
      }
      return { kind: "other", reason: "sub-options have no counterpart" };
    }
    if (code === undefined) return { kind: "other", reason: `the option "${name}" is unknown` };
    if (form === "exists") return { kind: "exists", code };
    if (form === "text" && !isText(code)) {
      return { kind: "other", reason: `Kea's text of option ${code} is not what the client sent; compare .hex` };
    }
    if (form === "hex" || form === "text") return { kind: "option", code, lengthMax: undefined };
    return { kind: "other", reason: `".${form}" has no counterpart here` };
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at += 1;
    return true;
  }

  #need(token: string): void {
    if (this.#take(token)) return;
    throw new Unreadable(`"${this.#tokens[this.#at] ?? "the end"}" stands where "${token}" was expected`);
  }
}

/** Whether Kea's text of an option is its octets; of others it is the octets in hexadecimal, or numbers. */
function isText(code: number): boolean {
  return optionByKey(String(code))?.codec.shape === "text";
}
