/**
 * Characters that change what is shown without being seen: controls, marks of direction, separators of lines and other
 * format characters. Clients choose their host names, and other programs wrote the files that are read: none of these
 * may reach a terminal, a log or a spreadsheet as it is.
 */

/** Unicode's general categories: control, format, surrogate (only unpaired ones match), line, paragraph. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Escapes them as JSON does, each UTF-16 unit as `\uXXXX`: within JSON, the value stays the same.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(escapeUnseen("a\u202eb"), String.raw`a\u202eb`);
 * ```
 */
export function escapeUnseen(text: string): string {
  return text.replace(UNSEEN, (character) => {
    let escaped = "";
    for (let index = 0; index < character.length; index++) {
      escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
    }
    return escaped;
  });
}

/** Removes them. */
export function withoutUnseen(text: string): string {
  return text.replace(UNSEEN, "");
}

/** Replaces each of them by U+FFFD. */
export function printable(text: string): string {
  return text.replace(UNSEEN, "\ufffd");
}
