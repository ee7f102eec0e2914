/**
 * A YAML file as plain values that remember where they stand. Accepts YAML 1.2 core with unique keys, without
 * tags, with few aliases. What the values mean is in the schema.
 */

import process from "node:process";
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from "yaml";
import type { YAMLMap } from "yaml";
import { type Excess, findExcess } from "./bounds.ts";
import { type ConfigIssue, describe, formatPath, type Path, type Problem, quote } from "./issue.ts";
import { CONFIG_LIMITS } from "./limits.ts";
import { valueInPieces } from "./pieces.ts";

/** A file that could be read as YAML. */
interface ConfigSource {
  /** Plain values: null, booleans, numbers, text, arrays, objects. */
  readonly value: unknown;
  /** Finds the position of a problem and puts the value found in front of its message. */
  locate(problem: Problem): ConfigIssue;
}

interface ParsedSource {
  /** Undefined when the text is no YAML at all and values would be guesses. */
  readonly source: ConfigSource | undefined;
  readonly issues: readonly ConfigIssue[];
}

/** Reads YAML text. Never throws. */
export function parseSource(text: string): ParsedSource {
  try {
    const excess = findExcess(text, CONFIG_LIMITS.lexemesMax);
    return excess === undefined ? parse(text) : refuse(text, excess);
  } catch (error) {
    // The parser recurses: what the limits let through still could be nested too deeply for it.
    const reason = error instanceof RangeError ? "it is nested too deeply" : String(error);
    return { source: undefined, issues: [{ path: "", line: 0, column: 0, message: `cannot be read: ${reason}` }] };
  }
}

/** A text that is not parsed. */
function refuse(text: string, { offset, message }: Excess): ParsedSource {
  const before = text.slice(0, offset).split("\n");
  const issue = { path: "", line: before.length, column: (before.at(-1)?.length ?? 0) + 1, message };
  return { source: undefined, issues: [issue] };
}

/** The parser's document, whatever is wrong with it. */
function documentOf(text: string, lines = new LineCounter()): Document.Parsed {
  return withoutEnvironment(() =>
    parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      resolveKnownTags: false,
      // The parser compares each key with every one before it; `repeatedKeys` finds them in one pass.
      uniqueKeys: false,
      // Not "silent": that would also hide a second document.
      logLevel: "error",
    })
  );
}

function parse(text: string): ParsedSource {
  const inPieces = text.length < LARGE_CHARACTERS ? undefined : valueInPieces(text, rightDocument);
  const excess = inPieces === undefined || text.length >= PLACES_CHARACTERS_MAX ? findExcess(text) : undefined;
  if (inPieces === undefined) return excess === undefined ? parseWhole(text) : refuse(text, excess);
  let whole: ParsedSource | undefined;
  const locate = (problem: Problem): ConfigIssue => {
    if (excess === undefined) whole ??= parseWhole(text);
    return whole?.source?.locate(problem) ??
      { path: formatPath(problem.path), line: 0, column: 0, message: problem.message };
  };
  return { source: { value: inPieces.value, locate }, issues: [] };
}

/** From here on a text is parsed in pieces, and as a whole only if places in it are to be told. */
const LARGE_CHARACTERS = 256 * 1024;

/** No shorter text has more than may be parsed at once; in a longer one that has, places are told without lines. */
const PLACES_CHARACTERS_MAX = CONFIG_LIMITS.lexemesAtOnceMax;

function rightDocument(text: string): Document.Parsed | undefined {
  if (text.length >= PLACES_CHARACTERS_MAX && findExcess(text) !== undefined) return undefined;
  const document = documentOf(text);
  const isRight = document.errors.length + document.warnings.length === 0 && document.contents !== null;
  return isRight && repeatedKeys(document.contents).length === 0 ? document : undefined;
}

function parseWhole(text: string): ParsedSource {
  const lines = new LineCounter();
  const document = documentOf(text, lines);
  const at = (offset: number, path: Path, message: string): ConfigIssue => {
    const { line, col } = lines.linePos(offset);
    return { path: formatPath(path), line, column: col, message };
  };
  const failures = firstAtEachPlace([...document.errors, ...document.warnings]).slice(0, CONFIG_LIMITS.issuesMax);
  if (failures.length > 0) {
    return { source: undefined, issues: failures.map((error) => at(error.pos[0], [], explainYaml(error, text))) };
  }
  const issues = repeatedKeys(document.contents).slice(0, CONFIG_LIMITS.issuesMax)
    .map((offset) => at(offset, [], explainRepeated(text, offset)));
  if (document.contents === null) {
    return { source: undefined, issues: [at(0, [], "the file is empty; start from the example file")] };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: CONFIG_LIMITS.aliasRepeatsMax });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    const message = /excessive/i.test(error.message)
      ? `aliases repeat values more than ${CONFIG_LIMITS.aliasRepeatsMax} times; write the values out`
      : `${error.message}; define the anchor (&name) before its alias (*name)`;
    return { source: undefined, issues: [...issues, at(firstAlias(document.contents), [], message)] };
  }
  const locate = (problem: Problem): ConfigIssue => {
    const place = walk(document.contents, problem.path, (node) => isAlias(node) ? node.resolve(document) : node);
    const offset = problem.about === "key" ? place.keyOffset : place.offset;
    const message = problem.about === "value" ? `${subject(place.node)} ${problem.message}` : problem.message;
    return at(offset, problem.path.slice(0, place.steps), message);
  };
  return { source: { value, locate }, issues };
}

function firstAtEachPlace(errors: readonly YAMLError[]): YAMLError[] {
  const places = new Set<number>();
  return errors.filter(({ pos: [offset] }) => places.size < places.add(offset).size);
}

/** Where keys stand that their mapping has already. */
function repeatedKeys(contents: Node | null): number[] {
  const offsets: number[] = [];
  visit(contents, {
    Map(_key, map: YAMLMap) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) offsets.push(start(key) ?? 0);
        seen.add(key.value);
      }
    },
  });
  return offsets;
}

function explainRepeated(text: string, offset: number): string {
  const key = /^[\w.-]+/.exec(text.slice(offset, offset + KEY_CHARACTERS_MAX))?.[0];
  return `${key === undefined ? "this key" : `"${key}"`} is given twice in one mapping; remove one of the two`;
}

/** Of a key in a message. */
const KEY_CHARACTERS_MAX = 64;

/**
 * Runs with an empty environment. The parser looks for two debugging variables (LOG_STREAM, LOG_TOKENS) on its way,
 * which Deno refuses, or asks about on a terminal, unless it was started with --allow-env.
 */
function withoutEnvironment<T>(body: () => T): T {
  const { env } = process;
  process.env = {};
  try {
    return body();
  } finally {
    process.env = env;
  }
}

interface Place {
  /** The value at the path, or the innermost one around it that exists. */
  node: Node | undefined;
  /** Where to point. */
  offset: number;
  /** Where its key stands; the same as `offset` for list entries. */
  keyOffset: number;
  /** How much of the path to show: a path that goes on inside a scalar stops at it. */
  steps: number;
}

function walk(root: Node | null, path: Path, resolve: (node: Node | undefined) => Node | undefined): Place {
  let node: Node | undefined = root ?? undefined;
  let offset = start(node) ?? 0;
  let keyOffset = offset;
  for (const [index, step] of path.entries()) {
    const container = resolve(node);
    if (isMap(container)) {
      const pair = container.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      // What is missing is shown at its parent: at the parent's key, if it has one.
      if (pair === undefined) return { node: container, offset: keyOffset, keyOffset, steps: path.length };
      node = pair.value as Node | undefined;
      keyOffset = start(pair.key as Node) ?? keyOffset;
      offset = start(node) ?? keyOffset;
      if (isScalar(node) && node.value === null && node.source === "") offset = keyOffset;
    } else if (isSeq(container) && typeof step === "number" && container.items[step] !== undefined) {
      node = container.items[step] as Node;
      offset = start(node) ?? offset;
      keyOffset = offset;
    } else {
      return { node: container, offset, keyOffset, steps: index };
    }
  }
  return { node: resolve(node), offset, keyOffset, steps: path.length };
}

function start(node: Node | null | undefined): number | undefined {
  return node?.range?.[0];
}

/** Numbers and the like as they stand in the file: `0x00ff` says more than 255. */
function subject(node: Node | undefined): string {
  if (isMap(node)) return describe({});
  if (isSeq(node)) return describe([]);
  if (!isScalar(node)) return describe(undefined);
  return typeof node.value === "string" || node.source === undefined ? describe(node.value) : node.source;
}

function firstAlias(contents: Node): number {
  let offset = 0;
  visit(contents, {
    Alias(_key, node) {
      offset = start(node) ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

/** The parser's findings as messages to operators. */
function explainYaml(error: YAMLError, text: string): string {
  const found = text.slice(error.pos[0], error.pos[1]).split("\n", 1)[0] ?? "";
  switch (error.code) {
    case "TAB_AS_INDENT":
      return "a tab indents this line; YAML wants spaces";
    case "BAD_INDENT":
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY":
      return `${error.message}; check the indentation and the colons of this line and the one before`;
    case "MISSING_CHAR":
      return `${error.message}; check for a forgotten bracket, quote, comma, or space after a colon`;
    case "MULTIPLE_DOCS":
      return 'a second document starts here; remove the "---" line';
    case "TAG_RESOLVE_FAILED":
      return `the tag ${quote(found)} means nothing here; write the value without it`;
    default:
      return `${error.message}; correct the YAML here`;
  }
}
