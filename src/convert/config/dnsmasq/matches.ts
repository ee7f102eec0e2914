/** `dhcp-match`, `dhcp-vendorclass` and `dhcp-userclass`: which clients get a tag. */

import { latin1Bytes, type Place } from "../../leases/lease.ts";
import { type Condition, MATCHED_OPTIONS } from "../conditions.ts";
import type { Findings } from "../findings.ts";
import type { Setting } from "./lines.ts";
import { encodeGuess, encodeOption, givenFrom, optionCode } from "./options.ts";

/** iPXE's own option space. */
const IPXE_OPTION = 175;

/** The tag and its condition. */
export function conditionOfSetting(
  setting: Setting,
  place: Place,
  findings: Findings,
): { readonly tag: string; readonly condition: Condition } {
  const [tagged = "", what = "", ...rest] = setting.values;
  return { tag: tagged.replace(/^(?:set|net):/, ""), condition: read(setting, what, rest, { place, findings }) };
}

function read(
  setting: Setting,
  what: string,
  rest: readonly string[],
  { place, findings }: { readonly place: Place; readonly findings: Findings },
): Condition {
  const text = () => latin1Bytes([what, ...rest].join(","));
  if (setting.name === "dhcp-vendorclass") {
    if (what.startsWith("enterprise:")) return { kind: "other", reason: "it is about DHCPv6" };
    return { kind: "contains", code: MATCHED_OPTIONS.vendorClass, value: text() };
  }
  if (setting.name === "dhcp-userclass") return { kind: "contains", code: MATCHED_OPTIONS.userClass, value: text() };
  const code = optionCode(what);
  if (code === undefined) return { kind: "other", reason: "its option is unknown" };
  if (rest.length === 0) {
    // Only iPXE sends it.
    if (code !== IPXE_OPTION) return { kind: "exists", code };
    findings.changed(
      place,
      setting.text,
      'option 175 is what iPXE sends; here iPXE is known by its user class "iPXE"',
    );
    return { kind: "equals", code: MATCHED_OPTIONS.userClass, lengthMax: undefined, value: latin1Bytes("iPXE") };
  }
  const given = givenFrom(setting, 2);
  const encoded = code === MATCHED_OPTIONS.architecture ? encodeOption(code, given) : encodeGuess(given);
  if (!encoded.ok) return { kind: "other", reason: `its value ${encoded.problem}` };
  return { kind: "contains", code, value: encoded.bytes };
}
