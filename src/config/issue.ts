/**
 * What is wrong with a configuration, and how it is shown. A problem names the path and what to do; a position turns
 * it into an issue. Schemas and checks find problems; `source.ts` finds positions.
 */

import { escapeUnseen, printable } from "../unseen.ts";

/** Keys and list indices from the root of the file. */
export type Path = readonly (string | number)[];

/** Something wrong at a path, without its position in the file. */
export interface Problem {
  readonly path: Path;
  /**
   * A sentence without its subject ("lies outside the subnet …; …") when `about` is `value`: the value found is put in
   * front. A whole sentence otherwise.
   */
  readonly message: string;
  /** `value`: point at the value and quote it. `key`: point at the key. `place`: point at the value, quote nothing. */
  readonly about: "value" | "key" | "place";
}

/** Reports a finding of a check; paths count from where the check was called. */
export type Report = (path: Path, message: string, about?: Problem["about"]) => void;

/** A problem with its position. `line` and `column` count from 1; 0 when the whole file is meant. */
export interface ConfigIssue {
  /** As operators write it: `service.subnets[0].pools[1]`; empty for the whole file. */
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** All or nothing: a configuration with any problem is not used. `root` is what it was made of, as plain values. */
export type ConfigResult<T> = { readonly ok: true; readonly value: T; readonly root: unknown } | {
  readonly ok: false;
  readonly issues: readonly ConfigIssue[];
};

/**
 * Formats a path.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(formatPath(["service", "subnets", 0, "pools", 1]), "service.subnets[0].pools[1]");
 * strictEqual(formatPath(["options", "not a name"]), 'options["not a name"]');
 * ```
 */
export function formatPath(path: Path): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (!/^[\w-]+$/.test(step)) text += `[${quote(step)}]`;
    else text += text === "" ? step : `.${step}`;
  }
  return text;
}

/**
 * Formats issues for a terminal, one line each, in file order. Editors and compilers agree on `file:line:column:`.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const issue = { path: "http.port", line: 3, column: 9, message: "0 is too small; write at least 1" };
 * strictEqual(formatIssues("node.yaml", [issue]), "node.yaml:3:9: http.port: 0 is too small; write at least 1");
 * ```
 */
export function formatIssues(file: string, issues: readonly ConfigIssue[]): string {
  return [...issues]
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map(({ path, line, column, message }) => {
      const place = line === 0 ? file : `${file}:${line}:${column}`;
      // The YAML parser quotes the file as it is.
      return printable(path === "" ? `${place}: ${message}` : `${place}: ${path}: ${message}`);
    })
    .join("\n");
}

const QUOTED_CHARACTERS_MAX = 80;

/** Text in double quotes, on one line, without control characters, cut when it is long. */
export function quote(text: string): string {
  const shown = text.length > QUOTED_CHARACTERS_MAX ? `${text.slice(0, QUOTED_CHARACTERS_MAX)}…` : text;
  return escapeUnseen(JSON.stringify(shown));
}

/** A value found in a file, as messages name it. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a mapping" : String(value);
}
