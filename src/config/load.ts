/**
 * From a file to a checked configuration: text, YAML, schema (what each value is), check (how values relate). Every
 * problem of a file is found in one run, each with line and column.
 */

import type { z } from "zod";
import { explainIssues } from "./field.ts";
import { readConfigFile } from "./file.ts";
import {
  type ConfigIssue,
  type ConfigResult,
  describe,
  formatIssues,
  formatPath,
  type Problem,
  type Report,
} from "./issue.ts";
import { CONFIG_LIMITS } from "./limits.ts";
import { valueAt } from "./plain.ts";
import { parseSource } from "./source.ts";

/**
 * Checks how the values of a file relate. It gets the file's plain values, not the schema's result: one wrong value
 * leaves no result, but the relations between the others can still be checked. It reads values through the same fields
 * as the schema and skips those that are wrong by themselves.
 */
export type Check = (root: unknown, report: Report) => void;

/** The problems of plain values. */
function findProblems<T>(
  root: unknown,
  schema: z.ZodType<T>,
  check?: Check,
): { readonly value: T | undefined; readonly problems: readonly Problem[] } {
  const result = schema.safeParse(root);
  const problems = result.success ? [] : explainIssues(result.error.issues, root);
  check?.(root, (path, message, about = "value") => problems.push({ path, message, about }));
  return { value: result.success ? result.data : undefined, problems };
}

/** Reads and checks the text of a configuration file. Never throws, whatever the text. */
export function loadConfig<T>(text: string, schema: z.ZodType<T>, check?: Check): ConfigResult<T> {
  const { source, issues } = parseSource(text);
  if (source === undefined) return { ok: false, issues };
  const { value, problems } = findProblems(source.value, schema, check);
  const all = [...issues, ...problems.slice(0, CONFIG_LIMITS.issuesMax).map((problem) => source.locate(problem))];
  if (problems.length > CONFIG_LIMITS.issuesMax) all.push(TOO_MANY);
  return all.length > 0 || value === undefined
    ? { ok: false, issues: inOrder(all) }
    : { ok: true, value, root: source.value };
}

/** The same for values that have no file, such as what another node sent: issues without positions. */
export function checkConfig<T>(root: unknown, schema: z.ZodType<T>, check?: Check): ConfigResult<T> {
  const { value, problems } = findProblems(root, schema, check);
  if (problems.length === 0 && value !== undefined) return { ok: true, value, root };
  const issues = problems.slice(0, CONFIG_LIMITS.issuesMax).map(({ path, message, about }) => {
    const subject = about === "value" ? `${describe(valueAt(root, path))} ` : "";
    return { path: formatPath(path), line: 0, column: 0, message: subject + message };
  });
  if (problems.length > CONFIG_LIMITS.issuesMax) issues.unshift(TOO_MANY);
  return { ok: false, issues };
}

/** A file's configuration and what it was made of, or what to print. */
type LoadedFile<T> =
  | { readonly ok: true; readonly value: T; readonly root: unknown }
  | { readonly ok: false; readonly message: string };

/** Reads and checks a file. When it fails, `message` is what to print: one line for each problem. */
export async function loadConfigFile<T>(
  file: string,
  schema: z.ZodType<T>,
  check?: Check,
): Promise<LoadedFile<T>> {
  const read = await readConfigFile(file);
  if (!read.ok) return { ok: false, message: `${file}: ${read.message}` };
  const result = loadConfig(read.text, schema, check);
  return result.ok ? result : { ok: false, message: formatIssues(file, result.issues) };
}

/** Above the issues, when not all are told. */
const TOO_MANY: ConfigIssue = {
  path: "",
  line: 0,
  column: 0,
  message: `there are more than ${CONFIG_LIMITS.issuesMax} problems; these were found first`,
};

function inOrder(issues: readonly ConfigIssue[]): ConfigIssue[] {
  return [...issues].sort((a, b) => a.line - b.line || a.column - b.column);
}
