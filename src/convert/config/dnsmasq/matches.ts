/** `dhcp-match`, `dhcp-vendorclass` and `dhcp-userclass`: which clients get a tag. */

import type { Place } from "../../leases/lease.ts";
import type { DraftMatch } from "../draft.ts";
import type { Findings } from "../findings.ts";
import { matchesOf } from "../matches.ts";
import type { Setting } from "./lines.ts";
import { encodeGuess, encodeOption, optionCode } from "./options.ts";

/** The tag and its condition, or why no class here can express it. */
export function matchesOfSetting(
  setting: Setting,
  place: Place,
  findings: Findings,
): { readonly tag: string; readonly matches: readonly DraftMatch[] | string } {
  const [tagged = "", what = "", ...rest] = setting.values;
  const tag = /^(?:set|net):(.*)$/.exec(tagged)?.[1] ?? tagged;
  return { tag, matches: read(setting, what, rest, { place, findings }) };
}

function read(
  setting: Setting,
  what: string,
  rest: readonly string[],
  { place, findings }: { readonly place: Place; readonly findings: Findings },
): readonly DraftMatch[] | string {
  if (setting.name === "dhcp-vendorclass") {
    if (what.startsWith("enterprise:")) return "it is about DHCPv6";
    findings.changed(
      place,
      setting.text,
      "dnsmasq looks for this anywhere in the vendor class; here it has to be its beginning",
    );
    return [{ vendorClass: [what, ...rest].join(",") }];
  }
  if (setting.name === "dhcp-userclass") {
    findings.changed(
      place,
      setting.text,
      "dnsmasq looks for this anywhere in a user class; here it has to be all of it",
    );
    return [{ userClass: [what, ...rest].join(",") }];
  }
  const code = optionCode(what);
  if (code === undefined) return "its option is unknown";
  if (rest.length === 0) {
    // iPXE's own option space: only iPXE sends it.
    if (code !== 175) return `classes here can't test whether option ${code} is present`;
    findings.changed(
      place,
      setting.text,
      'option 175 is what iPXE sends; here iPXE is known by its user class "iPXE"',
    );
    return [{ userClass: "iPXE" }];
  }
  const encoded = code === 93 ? encodeOption(93, rest) : encodeGuess(rest);
  if (!encoded.ok) return `its value ${encoded.problem}`;
  const found = matchesOf({ kind: "equals", code, lengthMax: undefined, value: encoded.bytes });
  if (!found.ok) return found.reason;
  for (const remark of found.remarks) findings.changed(place, setting.text, remark);
  return found.matches;
}
