/** Whether a difference is one that the converter listed. */

import type { Finding } from "../../src/convert/config/findings.ts";
import { optionByKey } from "../../src/dhcp/options/mod.ts";
import type { Subject } from "./compare.ts";

/** Who is served, and from where: only what a finding says itself counts, not what stands near it. */
const ACCESS = /left out|can't be refused|reserve|lies in none|side by side|netmask|does not look at/;
const FIELDS = {
  siaddr: /next-server|next server|dhcp-boot|nextServer/i,
  sname: /server-?name|server-hostname|tftp-server|dhcp-boot|\b66\b/i,
  file: /filename|boot-?file|dhcp-boot|\b67\b/i,
} as const;
const TIMES: Readonly<Record<number, RegExp>> = {
  51: /lease.?time|lifetime|dhcp-range|dhcp-host/i,
  58: /T1|renew|lease.?time|lifetime/,
  59: /T2|T1|rebind|lease.?time|lifetime/,
};

/** The finding that tells of it, or of the client as a whole: a host that is not carried over. */
export function explanation(
  subject: Subject,
  client: string,
  { findings, text }: { readonly findings: readonly Finding[]; readonly text: string },
): Finding | undefined {
  const mac = /[0-9a-f]{2}(?::[0-9a-f]{2}){5}/.exec(client)?.[0];
  const host = findings.find(({ kind, line }) =>
    kind !== "needless" && mac !== undefined && blockAt(text, line).includes(mac)
  );
  if (host !== undefined) return host;
  if (subject === "answer" || subject === "address") {
    return findings.find(({ kind, advice }) => kind !== "needless" && ACCESS.test(advice));
  }
  const named = typeof subject !== "number" ? FIELDS[subject] : TIMES[subject] ?? optionWords(subject, text);
  return findings.find((finding) =>
    finding.kind !== "needless" && named.test(`${finding.statement} ${finding.advice} ${blockAt(text, finding.line)}`)
  );
}

/** An option's code, its name, and the names that the file gives it. */
function optionWords(code: number, text: string): RegExp {
  const name = optionByKey(String(code))?.name ?? "";
  const given = [
    ...text.matchAll(new RegExp(`option ([\\w.-]+) code ${code}\\b`, "g")),
    ...text.matchAll(new RegExp(`"name": *"([\\w-]+)", *"code": *${code}\\b`, "g")),
  ].map(([, word]) => word);
  const words = [name, name.replace(/s$/, ""), ...given, ...ALIASES[code] ?? []].filter((word) => word !== "");
  return new RegExp(`(?:^|[^\\d])${code}(?!\\d)|${words.join("|")}`);
}

const ALIASES: Readonly<Record<number, readonly string[]>> = {
  3: ["router"],
  6: ["dns-server"],
  15: ["domain"],
  43: ["vendor", "space", "encap"],
  125: ["vendor-", "vi-encap", "space"],
};

/** The innermost brackets that hold more than the line, and begin in it or before it; or the line alone. */
function blockAt(text: string, line: number): string {
  const lines = text.split("\n");
  const change = (one: string) => [...one.matchAll(/[{[]/g)].length - [...one.matchAll(/[}\]]/g)].length;
  let start = Math.max(0, line - 1);
  const isJson = text.startsWith("{");
  if (isJson && change(lines[start] ?? "") <= 0) {
    for (let depth = 0; start > 0; start--) {
      depth += change(lines[start - 1] ?? "");
      if (depth > 0) {
        start -= 1;
        break;
      }
    }
  }
  let end = start;
  for (let depth = 0; end < lines.length; end++) {
    depth += change(lines[end] ?? "");
    // The branches of a condition belong together.
    if (depth <= 0 && !/^\s*els/.test(lines[end + 1] ?? "")) break;
  }
  return lines.slice(start, end + 1).join("\n");
}
