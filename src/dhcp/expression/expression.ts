/**
 * An expression about a client's request, after it was parsed and checked: plain data, so that it crosses threads.
 * `parse.ts` makes it from text, `evaluate.ts` makes a function of it.
 */

import type { Prefix } from "../../net/ipv4.ts";

/** One thing that a request tells. An option or sub-option that is absent is empty text, and no number. */
export type Field =
  /** An option, or a sub-option of option 82. */
  | {
    readonly of: "option" | "agent";
    readonly code: number;
    readonly as: "text" | "hex" | "number" | "exists";
  }
  /** `hardware`: `chaddr` with colons. `known`: the client has a reservation. */
  | { readonly of: "hardware" | "htype" | "giaddr" | "ciaddr" | "known" }
  /** What {@link Match} looks for: each is a list. */
  | { readonly of: "userClasses" | "architectures" };

/** What an expression works with; `NaN` is the number of an absent option. */
export type Value = string | number | boolean;

/** Functions of text that need no more than its arguments. */
export const TEXT_FUNCTIONS = {
  startsWith: (on: string, text: Value) => on.startsWith(text as string),
  endsWith: (on: string, text: Value) => on.endsWith(text as string),
  contains: (on: string, text: Value) => on.includes(text as string),
  /** Ends where the text ends, whatever is asked for. */
  substring: (on: string, start: Value, end?: Value) => on.substring(start as number, end as number | undefined),
  lowerAscii: (on: string) => on.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()),
  upperAscii: (on: string) => on.replace(/[a-z]+/g, (letters) => letters.toUpperCase()),
  size: (on: string) => on.length,
} as const satisfies Record<string, (on: string, ...more: Value[]) => Value>;

export type TextFunction = keyof typeof TEXT_FUNCTIONS;

export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=";

export type Expression =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "field"; readonly field: Field }
  /** Whether the client is in a class. */
  | { readonly kind: "member"; readonly name: string }
  | { readonly kind: "not"; readonly of: Expression }
  | { readonly kind: "and" | "or" | "join"; readonly of: readonly Expression[] }
  | { readonly kind: "choose"; readonly test: Expression; readonly then: Expression; readonly otherwise: Expression }
  | { readonly kind: "compare"; readonly by: Comparison; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "in"; readonly value: Expression; readonly list: readonly Value[] }
  /** Whether one of a list is wanted. */
  | { readonly kind: "anyOf"; readonly field: Field; readonly values: readonly Value[] }
  | {
    readonly kind: "text";
    readonly name: TextFunction;
    readonly on: Expression;
    readonly more: readonly Expression[];
  }
  | { readonly kind: "matches"; readonly on: Expression; readonly pattern: string }
  | { readonly kind: "within"; readonly prefix: Prefix; readonly address: Expression };

/** The expressions that one is made of. */
export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "not":
    case "and":
    case "or":
    case "join":
      return [expression.of].flat();
    case "choose":
      return [expression.test, expression.then, expression.otherwise];
    case "compare":
      return [expression.left, expression.right];
    case "in":
      return [expression.value];
    case "text":
      return [expression.on, ...expression.more];
    case "matches":
      return [expression.on];
    case "within":
      return [expression.address];
    default:
      return [];
  }
}

/** An expression and all within it. */
export function* allOf(expression: Expression): Generator<Expression> {
  yield expression;
  for (const part of partsOf(expression)) yield* allOf(part);
}
