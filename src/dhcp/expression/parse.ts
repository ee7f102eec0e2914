/**
 * Reads expressions in the Common Expression Language (CEL, https://cel.dev): the library parses and checks types, and
 * what DHCP has no use for is refused here. A comparison that can never hold, such as of hexadecimal digits with
 * something else, is an error, too.
 */

import { type ASTNode, Environment, ParseError, TypeError } from "@marcbachmann/cel-js";
import { nearest } from "../../config/suggest.ts";
import { parsePrefix } from "../../net/ipv4.ts";
import { nearestOptionName, optionByKey } from "../options/mod.ts";
import { SUB_OPTION } from "../relay_agent_information.ts";
import { type Comparison, type Expression, type Field, TEXT_FUNCTIONS, type TextFunction } from "./expression.ts";
import { Pattern, PatternError } from "./pattern.ts";

const LIMITS = { characters: 4_096, nodes: 2_000, depth: 32, listElements: 1_000, arguments: 4 };

/** What an expression gives. */
export type Wanted = "flag" | "text";

/** An expression, or what is wrong with it: a predicate with its place, such as "is wrong at character 8: …". */
export type ParsedExpression = { readonly ok: true; readonly expression: Expression } | {
  readonly ok: false;
  readonly problem: string;
};

/** What a request tells, by name. */
const NAMES = { hardware: "string", htype: "int", giaddr: "string", ciaddr: "string", known: "bool" } as const;
const FORMS = { text: "string", hex: "string", number: "int", exists: "bool" } as const;
const FORM_ADVICE = "put .text, .hex, .number or .exists behind the option";

/** Made when the first expression is read. */
let environment: Environment | undefined;

function makeEnvironment(): Environment {
  const made = new Environment({
    limits: {
      maxAstNodes: LIMITS.nodes,
      maxDepth: LIMITS.depth,
      maxListElements: LIMITS.listElements,
      maxCallArguments: LIMITS.arguments,
      maxMapEntries: 1,
    },
  });
  made.registerType("option", { fields: { ...FORMS } });
  made.registerType("network", { fields: { text: "string" } });
  made.registerVariable("option", "map<dyn, option>").registerVariable("agent", "map<dyn, option>");
  for (const [name, type] of Object.entries(NAMES)) made.registerVariable(name, type);
  const unused = () => false;
  made.registerFunction("member(string): bool", unused);
  made.registerFunction("cidr(string): network", unused);
  made.registerFunction("network.containsIP(string): bool", unused);
  return made;
}

/** Reads an expression that gives a flag (a condition) or text. */
export function parseExpression(text: string, wanted: Wanted): ParsedExpression {
  if (text.length > LIMITS.characters) {
    return { ok: false, problem: `has ${text.length} characters; divide it: ${DIVIDE} (at most ${LIMITS.characters})` };
  }
  try {
    environment ??= makeEnvironment();
    const parsed = environment.parse(text);
    const { type, error } = parsed.check();
    if (error !== undefined) throw error;
    const isWanted = type === (wanted === "flag" ? "bool" : "string");
    if (!isWanted) throw new Refusal(parsed.ast, `it gives ${nameOf(type ?? "")}; ${WANTED_ADVICE[wanted]}`);
    return { ok: true, expression: translate(parsed.ast, 0) };
  } catch (error) {
    return { ok: false, problem: problemOf(error) };
  }
}

const DIVIDE = 'give parts of it to classes of their own, and ask for these with member("name")';
const WANTED_ADVICE: Readonly<Record<Wanted, string>> = {
  flag: 'compare that with something, such as option[60].text == "x"',
  text: "write what gives text, such as agent[1].hex",
};

/** Something that CEL has, but not here. */
class Refusal extends Error {
  constructor(readonly node: ASTNode, message: string) {
    super(message);
  }
}

function problemOf(error: unknown): string {
  if (error instanceof Refusal) return problemAt(error.node.start, error.message);
  if (error instanceof ParseError || error instanceof TypeError) {
    return problemAt(error.range?.start ?? 0, `${error.summary}; ${adviceFor(error)}`);
  }
  throw error;
}

function problemAt(start: number, message: string): string {
  return `is wrong at character ${start + 1}: ${message}`;
}

function adviceFor({ code, summary }: ParseError | TypeError): string {
  switch (code) {
    case "unknown_variable": {
      const near = nearest(summary.split(" ").at(-1) ?? "", ["option", "agent", ...Object.keys(NAMES)]);
      return near === undefined
        ? `known here: option[…], agent[…], ${Object.keys(NAMES).join(", ")}; text stands in quotes`
        : `did you mean ${near}?`;
    }
    case "no_such_key":
      return FORM_ADVICE;
    case "limit_exceeded":
      return DIVIDE;
    case "no_such_overload":
      return summary.includes(" option") ? FORM_ADVICE : "compare text with text, and numbers with numbers";
    case "no_matching_overload":
      return `text has ${Object.keys(TEXT_FUNCTIONS).join(", ")} and matches`;
    default:
      return 'write a condition such as option[60].text.startsWith("x") && !known';
  }
}

/** A type of CEL as messages call it. */
function nameOf(type: string): string {
  const names: Readonly<Record<string, string>> = {
    string: "text",
    int: "a number",
    bool: "true or false",
    option: "an option",
  };
  return names[type] ?? type;
}

function translate(node: ASTNode, depth: number): Expression {
  if (depth > LIMITS.depth) throw new Refusal(node, `it is nested more than ${LIMITS.depth} times; ${DIVIDE}`);
  const inside = (part: ASTNode) => translate(part, depth + 1);
  switch (node.op) {
    case "value":
      return { kind: "value", value: literal(node) };
    case "id":
      if (!(node.args in NAMES)) throw new Refusal(node, `${FORM_ADVICE}, such as ${node.args}[60].text`);
      return { kind: "field", field: { of: node.args as keyof typeof NAMES } };
    case "[]":
      throw new Refusal(node, FORM_ADVICE);
    case ".":
      return { kind: "field", field: optionField(node) };
    case "!_":
      return { kind: "not", of: inside(node.args) };
    case "&&":
      return { kind: "and", of: chain(node, node.op).map(inside) };
    case "||":
      return { kind: "or", of: chain(node, node.op).map(inside) };
    case "+": {
      const of = chain(node, node.op);
      if (typeOf(node) !== "string") throw new Refusal(node, "only text can be joined; write out the number");
      return { kind: "join", of: of.map(inside) };
    }
    case "?:": {
      const [test, then, otherwise] = node.args;
      return { kind: "choose", test: inside(test), then: inside(then), otherwise: inside(otherwise) };
    }
    case "==":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return compare(node, node.op, node.args.map(inside));
    case "in": {
      const [value, list] = node.args;
      if (list.op !== "list") throw new Refusal(list, 'write a list behind in, such as ["a", "b"]');
      const inner = inside(value);
      const values = list.args.map((entry) => {
        const wanted = literal(entry);
        checkForm(inner, wanted, entry, true);
        return wanted;
      });
      return { kind: "in", value: inner, list: values };
    }
    case "call":
      if (node.args[0] !== "member") throw new Refusal(node, `${node.args[0]}() can't be used here`);
      return { kind: "member", name: String(literal(node.args[1][0] ?? node)) };
    case "rcall":
      return call(node, node.args, inside);
    default:
      throw new Refusal(node, `${node.op} can't be used here`);
  }
}

/** `a && b && c` as a list: it may be long without being deep. */
function chain(node: ASTNode, op: "&&" | "||" | "+"): ASTNode[] {
  const parts: ASTNode[] = [];
  let rest = node;
  while (rest.op === op) {
    parts.unshift(rest.args[1]);
    rest = rest.args[0];
  }
  return [rest, ...parts];
}

/** The type that the library found; it declares no field for it. */
function typeOf(node: ASTNode): string | undefined {
  return (node as { checkedType?: { name?: string } }).checkedType?.name;
}

function literal(node: ASTNode): string | number | boolean {
  const value = node.op === "value" ? node.args : node.op === "-_" && node.args.op === "value" ? node.args.args : null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "bigint" && value <= Number.MAX_SAFE_INTEGER) {
    return node.op === "value" ? Number(value) : -Number(value);
  }
  throw new Refusal(node, "write text in quotes or a whole number here");
}

/** `option[60].text` and the like. */
function optionField(node: Extract<ASTNode, { op: "." }>): Field {
  const [option, as] = node.args;
  const [holder, index] = option.op === "[]" ? option.args : [undefined, undefined];
  const of = holder?.op === "id" ? holder.args : undefined;
  if ((of !== "option" && of !== "agent") || index === undefined) {
    throw new Refusal(node, 'write option[60] or option["vendor-class-identifier"] in front of the dot');
  }
  return { of, code: codeOf(of, index), as: as as keyof typeof FORMS };
}

function codeOf(of: "option" | "agent", index: ASTNode): number {
  const key = String(literal(index));
  if (of === "agent") {
    const code = AGENT_NAMES.get(key) ?? (/^\d{1,3}$/.test(key) ? Number(key) : 0);
    if (code >= 1 && code <= 255) return code;
    const names = [...AGENT_NAMES.keys()].join(", ");
    throw new Refusal(index, `"${key}" is no sub-option; write a code from 1 to 255, or one of ${names}`);
  }
  const spec = optionByKey(key);
  if (spec !== undefined) return spec.code;
  const near = nearestOptionName(key);
  const advice = near === undefined ? "write a name from the operator's guide, or a code" : `did you mean "${near}"?`;
  throw new Refusal(index, `no option from 1 to 254 is called "${key}"; ${advice}`);
}

/** Sub-options of option 82 by name, such as `circuit-id`. */
const AGENT_NAMES: ReadonlyMap<string, number> = new Map(
  Object.entries(SUB_OPTION).map((
    [name, code],
  ) => [name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), code]),
);

function compare(node: ASTNode, by: Comparison, [left, right]: Expression[]): Expression {
  if (left === undefined || right === undefined) throw new Refusal(node, "a comparison has two sides");
  if (right.kind === "value") checkForm(left, right.value, node, by === "==" || by === "!=");
  if (left.kind === "value") checkForm(right, left.value, node, by === "==" || by === "!=");
  return { kind: "compare", by, left, right };
}

/** Text that a field never is would make a class without clients. */
function checkForm(on: Expression, value: string | number | boolean, node: ASTNode, isWhole: boolean): void {
  if (on.kind !== "field" || typeof value !== "string") return;
  const { field } = on;
  if ("as" in field && field.as === "hex") {
    const isHex = /^[0-9a-f]*$/.test(value) && (!isWhole || value.length % 2 === 0);
    if (!isHex) {
      throw new Refusal(node, `"${value}" is never in .hex; write two small digits for each octet, without 0x`);
    }
  } else if (field.of === "hardware") {
    const form = isWhole ? /^(?:[0-9a-f]{2}(?::[0-9a-f]{2})*)?$/ : /^[0-9a-f:]*$/;
    if (!form.test(value)) throw new Refusal(node, `"${value}" is never in hardware; write it as 02:00:00:00:00:0a`);
  }
}

function call(
  node: ASTNode,
  [name, on, more]: Extract<ASTNode, { op: "rcall" }>["args"],
  inside: (part: ASTNode) => Expression,
): Expression {
  if (name === "containsIP" && on.op === "call" && on.args[0] === "cidr") {
    const text = String(literal(on.args[1][0] ?? on));
    const prefix = parsePrefix(text);
    if (prefix === undefined) throw new Refusal(on, `"${text}" is no network; write one such as 10.77.0.0/16`);
    return { kind: "within", prefix, address: inside(more[0] ?? node) };
  }
  if (name === "matches") {
    const pattern = String(literal(more[0] ?? node));
    try {
      new Pattern(pattern);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      throw new Refusal(more[0] ?? node, `the pattern ${error.message} (at its character ${error.at + 1})`);
    }
    return { kind: "matches", on: inside(on), pattern };
  }
  if (!(name in TEXT_FUNCTIONS) || typeOf(on) !== "string") throw new Refusal(node, `${name}() can't be used here`);
  const text = inside(on);
  const values = more.map(inside);
  for (const value of values) if (value.kind === "value") checkForm(text, value.value, node, false);
  return { kind: "text", name: name as TextFunction, on: text, more: values };
}
