/**
 * Whether YAML text is within the limits, before it is parsed: one pass of the parser's own lexer, which takes constant
 * memory and about 0.3 µs for each lexeme. And the same for plain values that came as JSON.
 */

import { Lexer } from "yaml";
import { CONFIG_LIMITS } from "./limits.ts";

/** Where a text is beyond a limit, and what to do. */
export interface Excess {
  readonly offset: number;
  readonly message: string;
}

/**
 * The first place at which YAML text is beyond a limit; undefined: it may be parsed. Never throws. `lexemesMax`: of how
 * many it may consist, by default to be parsed at once.
 */
export function findExcess(
  text: string,
  lexemesMax: number = CONFIG_LIMITS.lexemesAtOnceMax,
): Excess | undefined {
  const { fileBytesMax, scalarCharactersMax, depthMax, indentMax, aliasesMax } = CONFIG_LIMITS;
  if (text.length > fileBytesMax) {
    return { offset: 0, message: `the text is longer than ${fileBytesMax} characters; is it the right file?` };
  }
  let offset = 0;
  let lineStart = 0;
  let lexemes = 0;
  let aliases = 0;
  let depth = 0;
  /** Nothing but spaces and the marks of lists and keys so far on this line. */
  let isIndent = true;
  let isScalar = false;
  for (const lexeme of new Lexer().lex(text)) {
    if (CONTROLS.has(lexeme)) {
      isScalar = lexeme === SCALAR;
      continue;
    }
    const kind = isScalar ? "scalar" : lexeme.charAt(0);
    isScalar = false;
    if (++lexemes > lexemesMax) {
      const message =
        `the file has more than ${lexemesMax} words and marks, of which some 120,000 reservations consist if each ` +
        "begins with a dash on a line of its own, else 30,000; remove what is not needed";
      return { offset, message };
    }
    if (lexeme.length > scalarCharactersMax && !/[\s#]/.test(kind)) {
      return { offset, message: `this value has ${lexeme.length} characters; shorten it to ${scalarCharactersMax}` };
    }
    if (kind === "*" && ++aliases > aliasesMax) {
      return { offset, message: `more than ${aliasesMax} aliases (*name) are used; write the values out` };
    }
    if (kind === "[" || kind === "{") depth++;
    else if (kind === "]" || kind === "}") depth--;
    if (depth > depthMax) {
      return { offset, message: `brackets are nested too deeply: more than ${depthMax} are open` };
    }
    if (isIndent && !/\s/.test(kind) && offset - lineStart > indentMax) {
      return { offset, message: `it is nested too deeply: indent by ${indentMax} columns at most` };
    }
    isIndent &&= /[-?:\s]/.test(kind);
    offset += lexeme.length;
    if (lexeme.endsWith("\n")) {
      isIndent = true;
      lineStart = offset;
    }
  }
  return undefined;
}

/** What the lexer says before a scalar that is not in quotes. */
export const SCALAR = "\x1f";

/** What the lexer says of a document, a scalar and an error; no characters of the text. */
export const CONTROLS: ReadonlySet<string> = new Set(["\x02", "\x18", SCALAR]);

/** Whether plain values are nested more deeply than a configuration may be; takes no stack. */
export function isTooDeep(value: unknown, depthMax: number = CONFIG_LIMITS.depthMax): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMax) return true;
    level = level.flatMap((one) => typeof one === "object" && one !== null ? Object.values(one) : []);
  }
  return false;
}
