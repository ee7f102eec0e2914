/**
 * The values of a large YAML text, parsed in pieces: the parser keeps a hundred times as much memory as it has text in
 * hand. A long list written with dashes is cut out, a single item stands in its place, and its items are parsed some at
 * a time. What can't be cut, such as a text with aliases, is left to the parser as a whole.
 */

import { type Document, isMap, isPair, isScalar, isSeq, Lexer, type Node, visit } from "yaml";
import { CONTROLS, SCALAR } from "./bounds.ts";

const PIECE_CHARACTERS = 64 * 1024;
/** What stands for the list that is cut out. */
const PLACEHOLDER = "- 0\n";
const PLACEHOLDER_VALUE_AT = 2;

/** Parses a text as it stands; undefined when there is anything wrong with it. */
type Parse = (text: string) => Document<Node> | undefined;

/** The text's values; undefined when it must be parsed as a whole. `charactersMax`: text that is parsed at once. */
export function valueInPieces(
  text: string,
  parse: Parse,
  charactersMax = PIECE_CHARACTERS,
): { readonly value: unknown } | undefined {
  const list = text.length > charactersMax ? longestList(text) : "none";
  if (list === "aliases") return undefined;
  if (list === "none") {
    const document = parse(text);
    return document && { value: document.toJS() };
  }
  const { column, starts, end } = list;
  const lineStarts = starts.map((start) => start - column);
  const [first = 0] = lineStarts;
  const document = parse(`${text.slice(0, first)}${" ".repeat(column)}${PLACEHOLDER}${text.slice(end)}`);
  if (document === undefined) return undefined;
  const value: unknown = document.toJS();
  const place = listAt(document, value, first + column + PLACEHOLDER_VALUE_AT);
  if (place === undefined) return undefined;
  const items: unknown[] = [];
  for (const piece of pieces(lineStarts, end, charactersMax)) {
    const part = valueInPieces(text.slice(piece.start, piece.end), parse, charactersMax);
    if (!Array.isArray(part?.value) || part.value.length !== piece.count) return undefined;
    for (const item of part.value) items.push(item);
  }
  const { list: around, index } = place;
  if (around.length === 1) { for (const [at, item] of items.entries()) around[at] = item; }
  else around.splice(index, 1, ...items);
  return { value };
}

interface Piece {
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

/** Items together while they are small. */
function pieces(starts: readonly number[], end: number, charactersMax: number): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (let next = 1; next <= starts.length; next++) {
    const start = starts[from] as number;
    const nextEnd = starts[next + 1] ?? end;
    if (next < starts.length && nextEnd - start <= charactersMax) continue;
    found.push({ start, end: starts[next] ?? end, count: next - from });
    from = next;
  }
  return found;
}

/** A list in block style, or the rest of one. */
interface BlockList {
  readonly column: number;
  /** Where the dashes stand that are the first on their line. */
  readonly starts: number[];
  /** The start of the first line behind it. */
  end: number;
}

/** The list that takes up the most of a text, unless there is none, or an item may stand for another one. */
function longestList(text: string): BlockList | "none" | "aliases" {
  /** Each is within the one before. */
  const open: BlockList[] = [];
  let longest: BlockList | undefined;
  const close = (column: number, isItem: boolean, end: number) => {
    for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
      if (last.column < column || (last.column === column && isItem)) return;
      open.pop();
      last.end = end;
      // The text is one item of a list: what is in it is looked for.
      const isAll = last.starts.length === 1 && text.slice(0, last.starts[0]).trim() === "";
      if (!isAll && lengthOf(last) > lengthOf(longest)) longest = last;
    }
  };
  let offset = 0;
  let lineStart = 0;
  let depth = 0;
  let isFirst = true;
  let isScalar = false;
  for (const lexeme of new Lexer().lex(text)) {
    if (CONTROLS.has(lexeme)) {
      isScalar = lexeme === SCALAR;
      continue;
    }
    const kind = isScalar ? "scalar" : lexeme.charAt(0);
    isScalar = false;
    if (kind === "&" || kind === "*") return "aliases";
    // Text below `|` begins with its line's spaces.
    if (depth === 0 && isFirst && /^[^\s#]/.test(lexeme)) {
      const column = offset - lineStart;
      const isItem = kind === "-" && lexeme === "-";
      close(column, isItem, lineStart);
      if (isItem && open.at(-1)?.column === column) open.at(-1)?.starts.push(offset);
      else if (isItem) open.push({ column, starts: [offset], end: 0 });
      isFirst = false;
    }
    if (kind === "[" || kind === "{") depth++;
    else if (kind === "]" || kind === "}") depth--;
    offset += lexeme.length;
    if (lexeme.endsWith("\n")) {
      isFirst = true;
      lineStart = offset;
    }
  }
  close(0, false, text.length);
  return longest ?? "none";
}

function lengthOf(list: BlockList | undefined): number {
  return list === undefined ? 0 : list.end - (list.starts[0] as number);
}

/** The list in `value` whose item is the scalar at an offset of the document, and the item's place in it. */
function listAt(
  document: Document<Node>,
  value: unknown,
  offset: number,
): { readonly list: unknown[]; readonly index: number } | undefined {
  let path: readonly unknown[] = [];
  visit(document.contents, {
    Scalar(_key, node, ancestors) {
      if (node.range?.[0] !== offset) return;
      path = [...ancestors, node];
      return visit.BREAK;
    },
  });
  let list: unknown = value;
  for (const [depth, node] of path.entries()) {
    const child = path[depth + 1];
    if (isPair(node) && isScalar(node.key) && typeof node.key.value === "string" && node.value === child) {
      if (typeof list !== "object" || list === null || !Object.hasOwn(list, node.key.value)) return undefined;
      list = (list as Record<string, unknown>)[node.key.value];
    } else if (isSeq(node) && Array.isArray(list)) {
      const index = node.items.indexOf(child);
      if (depth === path.length - 2) return { list, index };
      list = list[index];
    } else if (!isMap(node)) return undefined;
  }
  return undefined;
}
