/**
 * How deep the brackets of a JSON text are nested, found before the text is parsed: parsers, checks and writers of
 * values recurse, and a text of nothing but brackets would end them with the engine's words.
 */

/** Strings and comments (which Kea's JSON has) are matched as a whole, so that nothing within them counts. */
const PARTS = /"[^"\\\n]*(?:\\.[^"\\\n]*)*"?|\/\/[^\n]*|\/\*[^]*?(?:\*\/|$)|[[{\]}]/g;

/**
 * Where more than `depthMax` brackets are open for the first time; undefined: nowhere.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(nestedBeyond('{"a": [["[[["]]}', 3), undefined);
 * strictEqual(nestedBeyond('{"a": [["[[["]]}', 2), 7);
 * ```
 */
export function nestedBeyond(text: string, depthMax: number): number | undefined {
  let depth = 0;
  for (const { 0: part, index } of text.matchAll(PARTS)) {
    if (part === "[" || part === "{") depth += 1;
    else if (part === "]" || part === "}") depth -= 1;
    if (depth > depthMax) return index;
  }
  return undefined;
}
