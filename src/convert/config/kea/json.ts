/**
 * JSON as Kea reads it. `jsonc-parser` reads values, `//` and `/* … *\/` comments and trailing commas. Kea's `#`
 * comments and `<?include "file"?>` are blanked before, as the library has neither. Error texts are ours: the library's
 * are codes such as InvalidSymbol. Every value remembers its line.
 */

import { nestedBeyond } from "../../../bytes/nesting.ts";
import { type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";

/** A value of the file. */
export type JsonNode =
  & { readonly line: number }
  & (
    | { readonly kind: "map"; readonly entries: ReadonlyMap<string, JsonNode> }
    | { readonly kind: "list"; readonly items: readonly JsonNode[] }
    | { readonly kind: "text"; readonly value: string }
    | { readonly kind: "number"; readonly value: number }
    | { readonly kind: "boolean"; readonly value: boolean }
    | { readonly kind: "null" }
  );

/** A file to be read in place of the include. */
interface JsonInclude {
  readonly file: string;
  readonly line: number;
}

type JsonResult =
  | { readonly ok: true; readonly root: JsonNode; readonly includes: readonly JsonInclude[] }
  | { readonly ok: false; readonly line: number; readonly message: string };

const DEPTH_MAX = 100;

/** Reads a file's text. Never throws. An include in place of a value is null. */
export function parseJson(source: string): JsonResult {
  const { text, includes, openAt } = blankKeaSyntax(source);
  const fail = (offset: number, message: string): JsonResult => ({ ok: false, line: lineOf(text, offset), message });
  if (openAt !== undefined) return fail(openAt, "an include is not closed");
  // The parser recurses.
  const deepAt = nestedBeyond(text, DEPTH_MAX);
  if (deepAt !== undefined) {
    return fail(deepAt, `values are nested too deeply: more than ${DEPTH_MAX} brackets are open`);
  }
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first !== undefined) return fail(first.offset, explain(text, tree, first, errors));
  if (tree === undefined) return fail(0, "there is no value");
  return { ok: true, root: toNode(tree, lineCounter(text)), includes };
}

/** Texts, comments and words are matched as a whole, so that nothing within them counts. */
const KEA_SYNTAX = new RegExp(
  [
    /(?<text>"(?:[^"\\\n]|\\.)*"?)/,
    /(?<comment>\/\/[^\n]*|\/\*[^]*?(?:\*\/|$))/,
    /(?<word>[-.\w]+)/,
    /#[^\n]*/,
    /(?<colon>:\s*)?(?<include><\?)(?:\s*include\s+"(?<file>[^"]*)")?[^]*?(?:(?<close>\?>)(?<comma>\s*,)?|$)/,
  ].map(({ source }) => source).join("|"),
  "g",
);

/** Replaces what only Kea has by as many lines of blanks. */
function blankKeaSyntax(source: string): { text: string; includes: JsonInclude[]; openAt: number | undefined } {
  const includes: JsonInclude[] = [];
  let openAt: number | undefined;
  const lineAt = lineCounter(source);
  const text = source.replaceAll(KEA_SYNTAX, (found, ...rest) => {
    const { text, comment, word, colon, include, file = "", close, comma = "" } = rest.at(-1);
    // A tab is the one control character that Kea accepts in a text.
    if (text !== undefined) return text.replaceAll("\t", "\\t");
    if (comment !== undefined) return comment;
    // `1.` and `.5` are numbers to Kea.
    if (word !== undefined) return /^-?(?:\d+\.|\.\d+)$/.test(word) ? String(Number(word)) : word;
    const blank = found.replaceAll(/[^\n]/g, " ");
    if (include === undefined) return blank;
    const at = rest.at(-3) + (colon ?? "").length;
    if (close === undefined) openAt ??= at;
    includes.push({ file, line: lineAt(at) });
    // In place of an entry, the comma after it separates nothing.
    return colon === undefined ? blank : `:null${blank.replaceAll(" ", "")}${comma.trim()}`;
  });
  return { text, includes, openAt };
}

function toNode(node: Node, lineAt: (offset: number) => number): JsonNode {
  const line = lineAt(node.offset);
  const children = node.children ?? [];
  switch (node.type) {
    case "object":
      return {
        kind: "map",
        line,
        entries: new Map(
          children.flatMap(({ children: [key, value] = [] }) =>
            key === undefined || value === undefined ? [] : [[String(key.value), toNode(value, lineAt)]]
          ),
        ),
      };
    case "array":
      return { kind: "list", line, items: children.map((item) => toNode(item, lineAt)) };
    case "string":
      return { kind: "text", line, value: node.value };
    case "number":
      return { kind: "number", line, value: node.value };
    case "boolean":
      return { kind: "boolean", line, value: node.value };
    default:
      return { kind: "null", line };
  }
}

function lineOf(text: string, offset: number): number {
  return lineCounter(text)(offset);
}

/** Lines of offsets that are asked for in ascending order. */
function lineCounter(text: string): (offset: number) => number {
  let at = 0;
  let line = 1;
  return (offset) => {
    for (; at < offset; at++) if (text[at] === "\n") line += 1;
    return line;
  };
}

const EXPECTED: Readonly<Record<string, string>> = {
  PropertyNameExpected: "a name in quotes",
  ColonExpected: '":"',
  CommaExpected: '"," or a closing bracket',
  CloseBraceExpected: '"," or "}"',
  CloseBracketExpected: '"," or "]"',
};

/** What to tell of the first error. */
function explain(text: string, tree: Node | undefined, first: ParseError, errors: readonly ParseError[]): string {
  const { offset, length } = first;
  const codes = errors.map(({ error }) => printParseErrorCode(error));
  const found = text.slice(offset, offset + Math.min(length, 40)).replaceAll(/[^\x20-\x7e]/g, "?");
  const here = found === "" ? "the end" : found.startsWith('"') ? found : `"${found}"`;
  const [code = "", next] = codes;
  switch (code) {
    case "UnexpectedEndOfComment":
      return "a comment is not closed";
    case "UnexpectedEndOfString":
      return "a text is not closed on its line";
    case "InvalidUnicode":
    case "InvalidEscapeCharacter":
    case "InvalidCharacter":
      return `${text.slice(offset, offset + length)} has an escape that JSON doesn't know, or a control character`;
  }
  const isOpen = codes.some((one) => one.startsWith("Close"));
  if (tree !== undefined && !isOpen && offset >= tree.offset + tree.length) {
    return `${here} stands after the end of the configuration`;
  }
  // A symbol that is no JSON at all is followed by the error of what is missing in its place.
  const missing = code === "InvalidSymbol" ? next ?? code : code;
  return `${here} stands where ${EXPECTED[missing] ?? "a value"} was expected`;
}
