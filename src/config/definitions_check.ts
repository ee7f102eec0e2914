/** Definitions of options: names and codes that differ, and records that have fields. */

import { mayBeFollowed, optionByCode, optionByName } from "../dhcp/options/mod.ts";
import type { Path, Report } from "./issue.ts";
import { OPTION_DEFINITION } from "./options.ts";
import { Unique } from "./places.ts";
import { asList } from "./plain.ts";

/** Checks `optionDefinitions`. */
export function checkDefinitions(definitions: unknown, servicePath: Path, report: Report): void {
  const names = new Unique(report, "give each option of a space its own name");
  const codes = new Unique(report, "define each code of a space once");
  for (const [index, entry] of asList(definitions).entries()) {
    const path = [...servicePath, "optionDefinitions", index];
    const read = OPTION_DEFINITION.safeParse(entry);
    if (!read.success) continue;
    const { name, code, space, type, array, recordTypes } = read.data;
    names.add(`${space}.${name}`, [...path, "name"]);
    codes.add(`${space}.${code}`, [...path, "code"]);
    if (space === undefined && optionByName(name) !== undefined) {
      report([...path, "name"], "is an option that is known without a definition; take another name, or remove this");
    }
    const reserved = space === undefined ? optionByCode(code)?.reserved : undefined;
    if (reserved !== undefined) report([...path, "code"], `can't be set here: ${reserved}`);
    if (type !== "record") {
      if (recordTypes !== undefined) report([...path, "recordTypes"], "is for the type record; remove it", "key");
      if (array && type !== "fqdn" && !mayBeFollowed(type)) {
        report([...path, "array"], `is not for the type ${type}, whose values have no fixed length; remove it`, "key");
      }
    } else if (recordTypes === undefined) report(path, "is a record without fields; give recordTypes", "place");
    else {
      const open = recordTypes.findIndex((each, at) => (array || at < recordTypes.length - 1) && !mayBeFollowed(each));
      if (open >= 0) report([...path, "recordTypes", open], "has no fixed length; let it be the last, without array");
    }
  }
}
