/** Configurations of other servers as our `service` section: from the text of a file to YAML and findings. */

import type { ConfigIssue } from "../../config/issue.ts";
import { printable } from "../../unseen.ts";
import { convertDnsmasq } from "./dnsmasq/convert.ts";
import { parseLines } from "./dnsmasq/lines.ts";
import { type Finding, Findings } from "./findings.ts";
import { parseStatements } from "../isc/statements.ts";
import { convertDhcpd } from "./dhcpd/convert.ts";
import { convertKea } from "./kea/convert.ts";
import { parseJson } from "./kea/json.ts";
import { settle } from "./settle.ts";
import { validateService, writeService } from "./write.ts";

/** The servers whose configuration can be converted. */
export const CONFIG_FORMATS = ["kea", "dhcpd", "dnsmasq"] as const;
export type ConfigFormat = typeof CONFIG_FORMATS[number];

/** The result, or why the file can't be read in this format. */
export type Conversion =
  | {
    readonly ok: true;
    /** The section, `service:` included. */
    readonly yaml: string;
    /** In the order of the file. */
    readonly findings: readonly Finding[];
    /** What our own validation says of the section; none when it can be used as it is. */
    readonly issues: readonly ConfigIssue[];
  }
  | { readonly ok: false; readonly line: number; readonly message: string };

/** Converts the text of a file, one character per octet. Never throws, whatever the text. */
export function convertConfig(format: ConfigFormat, text: string, file: string): Conversion {
  const findings = new Findings();
  const draft = read(format, text, file, findings);
  if ("line" in draft) return { ok: false, line: draft.line, message: printable(draft.message) };
  settle(draft, findings);
  const yaml = writeService(draft, file);
  return {
    ok: true,
    yaml,
    findings: findings.all.toSorted((a, b) => a.line - b.line),
    issues: validateService(yaml),
  };
}

function read(format: ConfigFormat, text: string, file: string, findings: Findings) {
  switch (format) {
    case "kea": {
      const parsed = parseJson(text);
      if (!parsed.ok) return { line: parsed.line, message: parsed.message };
      for (const include of parsed.includes) {
        const advice = "an include is not followed; put the file's text in its place and convert again";
        findings.lost({ file, line: include.line }, `<?include "${include.file}"?>`, advice);
      }
      return convertKea(parsed.root, file, findings);
    }
    case "dhcpd": {
      const parsed = parseStatements(text);
      if (!parsed.ok) return { line: parsed.line, message: parsed.message };
      return convertDhcpd(parsed.statements, file, findings);
    }
    case "dnsmasq":
      return convertDnsmasq(parseLines(text), file, findings);
  }
}
