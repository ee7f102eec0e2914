/** Expressions in configurations. What they can ask is in `src/dhcp/expression`. */

import type { Expression } from "../dhcp/expression/expression.ts";
import { parseExpression, type Wanted } from "../dhcp/expression/parse.ts";
import { type Field, field } from "./field.ts";

const EXAMPLES: Readonly<Record<Wanted, string>> = {
  flag: "'option[60].text.startsWith(\"Cisco\")'",
  text: "'agent[\"circuit-id\"].hex'",
};

/** An expression that gives true or false, or text. */
export function expression(wanted: Wanted): Field<Expression> {
  const example = EXAMPLES[wanted];
  return field<Expression>({ noun: "an expression", example }, (input) => {
    if (typeof input !== "string") return { problem: `is no expression; write it in quotes, such as ${example}` };
    const parsed = parseExpression(input, wanted);
    return parsed.ok ? { value: parsed.expression } : { problem: parsed.problem };
  }).meta({ type: "string" });
}
