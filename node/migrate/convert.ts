/** Conversion of a configuration: YAML on standard output, findings on standard error. */

import { type ConfigFormat, type Conversion, convertConfig } from "../../src/convert/config/mod.ts";
import type { FindingKind } from "../../src/convert/config/findings.ts";
import { readOctetText } from "./files.ts";

interface ConversionOutput {
  readonly code: 0 | 1;
  /** The section in YAML; empty when there is none. */
  readonly stdout: string;
  /** Findings and a summary, one line each. */
  readonly stderr: string;
  readonly conversion: Conversion | undefined;
}

const LABELS: Readonly<Record<FindingKind, string>> = {
  lost: "not carried over",
  changed: "means something else",
  needless: "not needed",
};

/** Converts a file (`-`: the standard input). Code 1: there is no section, or our own validation refuses it. */
export async function convertFile(format: ConfigFormat, path: string): Promise<ConversionOutput> {
  const read = await readOctetText(path, 64 * 1024 * 1024);
  if (!read.ok) return { code: 1, stdout: "", stderr: `${read.message}\n`, conversion: undefined };
  const file = path === "-" ? "standard input" : path;
  const conversion = convertConfig(format, read.text, file);
  if (!conversion.ok) {
    const stderr = `${file}:${conversion.line}: ${conversion.message}; is it a configuration of ${format}?\n`;
    return { code: 1, stdout: "", stderr, conversion };
  }
  const { findings, issues, yaml } = conversion;
  const count = (kind: FindingKind) => findings.filter((finding) => finding.kind === kind).length;
  const lines = findings.map(({ kind, line, statement, advice }) => (
    `${file}:${line}: ${LABELS[kind]}: ${statement}\n    ${advice}`
  ));
  for (const { line, column, path: where, message } of issues) {
    lines.push(`service section, line ${line}:${column}: ${where}: ${message}`);
  }
  lines.push(
    `${count("lost")} not carried over, ${count("changed")} mean something else, ${count("needless")} not needed; ` +
      (issues.length === 0
        ? "the section is valid: put it in the place of the service section of node.yaml"
        : `the section is not valid yet: ${issues.length} to correct`),
  );
  const head = `# Made from ${file.replaceAll(/[^\x20-\x7e]/g, "?")} (${format}); the comments name its lines.\n`;
  return { code: issues.length === 0 ? 0 : 1, stdout: head + yaml, stderr: `${lines.join("\n")}\n`, conversion };
}
