/**
 * Where the node of a file keeps its state, which is all that most commands need of the file. A large one is mostly
 * reservations, which take seconds to read: its `service` section is left out then.
 */

import { readOnly } from "../../src/config/field.ts";
import { filePath } from "../../src/config/fields.ts";
import { asMapping } from "../../src/config/plain.ts";
import { parseSource } from "../../src/config/source.ts";

const LARGE_CHARACTERS = 64 * 1024;
const STATE_DIR = filePath();

/**
 * `node.stateDir` of a large file; undefined when the file is small, or has to be read as a whole: then its problems
 * are told with their places.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const file = `node: { id: 1, stateDir: /x }\nservice:\n${"  # much\n".repeat(10_000)}log: {}\n`;
 * strictEqual(stateDirOf(file), "/x");
 * strictEqual(stateDirOf(file.slice(0, 1_000)), undefined);
 * ```
 */
export function stateDirOf(text: string): string | undefined {
  if (text.length < LARGE_CHARACTERS) return undefined;
  const { source, issues } = parseSource(text.replace(SERVICE, ""));
  return issues.length > 0 ? undefined : readOnly(STATE_DIR, asMapping(asMapping(source?.value).node).stateDir);
}

/** The key at the beginning of a line, and all lines up to the next one that begins with a word. */
const SERVICE = /^service:.*\n(?:(?![A-Za-z"']).*\n)*/m;
