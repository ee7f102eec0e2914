/** Converting in tests: text in, plain values and findings out. */

import { parseSource } from "../../../config/source.ts";
import type { ConfigFormat } from "../mod.ts";
import { convertConfig } from "../mod.ts";

// deno-lint-ignore no-explicit-any -- the tests look into whatever came out
type Plain = any;

interface Converted {
  /** The `service` section as YAML reads it. */
  readonly service: Plain;
  readonly yaml: string;
  /** `line kind: advice`. */
  readonly findings: readonly string[];
  /** What our own validation says. */
  readonly issues: readonly string[];
}

/** Converts, or throws what the converter says of a text it can't read. */
export function converted(format: ConfigFormat, text: string): Converted {
  const result = convertConfig(format, text, "file");
  if (!result.ok) throw new Error(`line ${result.line}: ${result.message}`);
  return {
    service: (parseSource(result.yaml).source?.value as Plain).service,
    yaml: result.yaml,
    findings: result.findings.map(({ line, kind, advice }) => `${line} ${kind}: ${advice}`),
    issues: result.issues.map(({ path, message }) => `${path}: ${message}`),
  };
}
