/**
 * Makes a function of an expression. It reads fields of one request, changes nothing, has no loop but over the octets
 * of an option, and never throws.
 */

import { parseIpv4, prefixContains } from "../../net/ipv4.ts";
import { type Expression, TEXT_FUNCTIONS, type Value } from "./expression.ts";
import { Facts, FieldNumbers, type Request } from "./facts.ts";
import { parseExpression } from "./parse.ts";
import { Pattern } from "./pattern.ts";

/** Text when the expression gives text, and so on: `parse.ts` checked it. */
export type Evaluate<T extends Value = Value> = (facts: Facts) => T;

/** What expressions refer to. */
export interface Names {
  readonly fields: FieldNumbers;
  /** The number of a class; undefined if there is none of that name. */
  readonly classOf: (name: string) => number | undefined;
}

/**
 * Compiles an expression in text that gives text, for what identifies a client; undefined is what a request lacks. The
 * problem is a predicate ("is wrong at character 3: …"). It may ask for no classes.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const compiled = compileText('agent["circuit-id"].text + "/" + option[61].hex');
 * const options = new Map([[61, Uint8Array.of(1, 2)]]);
 * const message = { options, htype: 1, chaddr: Uint8Array.of(2), ciaddr: 0 };
 * const agent = () => Uint8Array.of(0x61);
 * strictEqual("textOf" in compiled && compiled.textOf({ message, giaddr: 0, agent, known: false }), "a/0102");
 * ```
 */
export function compileText(
  text: string,
): { readonly textOf: (request: Request) => string | undefined } | { readonly problem: string } {
  const parsed = parseExpression(text, "text");
  if (!parsed.ok) return parsed;
  return { textOf: textOf(parsed.expression) };
}

/** The same from a parsed expression. */
export function textOf(expression: Expression): (request: Request) => string | undefined {
  const fields = new FieldNumbers();
  const evaluate = compile(expression, { fields, classOf: () => undefined }) as Evaluate<string>;
  return (request) => evaluate(new Facts(request, fields, NO_MEMBERS)) || undefined;
}

const NO_MEMBERS = new Uint8Array();

/** Compiles an expression. */
export function compile(expression: Expression, names: Names): Evaluate {
  const inside = (part: Expression) => compile(part, names);
  switch (expression.kind) {
    case "value": {
      const { value } = expression;
      return () => value;
    }
    case "field": {
      const number = names.fields.of(expression.field);
      return (facts) => facts.field(number) as Value;
    }
    case "member": {
      const number = names.classOf(expression.name);
      return number === undefined ? () => false : ({ members }) => members[number] === 1;
    }
    case "not": {
      const of = inside(expression.of);
      return (facts) => !of(facts);
    }
    case "and": {
      const parts = expression.of.map(inside);
      return (facts) => {
        for (const part of parts) if (!part(facts)) return false;
        return true;
      };
    }
    case "or": {
      const parts = expression.of.map(inside);
      return (facts) => {
        for (const part of parts) if (part(facts)) return true;
        return false;
      };
    }
    case "join": {
      const parts = expression.of.map(inside);
      return (facts) => parts.reduce((text, part) => text + part(facts), "");
    }
    case "choose": {
      const [test, then, otherwise] = [expression.test, expression.then, expression.otherwise].map(inside) as Three;
      return (facts) => test(facts) ? then(facts) : otherwise(facts);
    }
    case "compare":
      return compileComparison(expression, inside);
    case "in": {
      const value = inside(expression.value);
      const list = new Set(expression.list);
      return (facts) => list.has(value(facts));
    }
    case "anyOf": {
      const number = names.fields.of(expression.field);
      const { values } = expression;
      return (facts) => (facts.field(number) as readonly Value[]).some((value) => values.includes(value));
    }
    case "text": {
      const call: (on: string, ...more: Value[]) => Value = TEXT_FUNCTIONS[expression.name];
      const on = inside(expression.on) as Evaluate<string>;
      const [first, second] = expression.more.map(inside);
      if (first === undefined) return (facts) => call(on(facts));
      if (second === undefined) return (facts) => call(on(facts), first(facts));
      return (facts) => call(on(facts), first(facts), second(facts));
    }
    case "matches": {
      const on = inside(expression.on) as Evaluate<string>;
      const pattern = new Pattern(expression.pattern);
      return (facts) => pattern.test(on(facts));
    }
    case "within": {
      const address = inside(expression.address) as Evaluate<string>;
      const { prefix } = expression;
      return (facts) => {
        const read = parseIpv4(address(facts));
        return read !== undefined && prefixContains(prefix, read);
      };
    }
  }
}

type Three = [Evaluate, Evaluate, Evaluate];

function compileComparison(
  { by, left, right }: Extract<Expression, { kind: "compare" }>,
  inside: (part: Expression) => Evaluate,
): Evaluate<boolean> {
  const [a, b] = [inside(left), inside(right)];
  switch (by) {
    case "==":
      return (facts) => a(facts) === b(facts);
    case "!=":
      return (facts) => a(facts) !== b(facts);
    case "<":
      return (facts) => a(facts) < b(facts);
    case "<=":
      return (facts) => a(facts) <= b(facts);
    case ">":
      return (facts) => a(facts) > b(facts);
    case ">=":
      return (facts) => a(facts) >= b(facts);
  }
}
