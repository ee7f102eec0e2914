/** Classes win over subnets and pools here; where the other server has it the other way round, that has to be told. */

import type { Draft, DraftClass, DraftSettings } from "./draft.ts";
import type { Findings } from "./findings.ts";
import { optionKey } from "./options.ts";

/** Reports what a class and a subnet, or a pool of it, both say. */
export function comparePrecedence(
  draft: Draft,
  classes: readonly DraftClass[],
  what: "options" | "everything",
  findings: Findings,
): void {
  for (const one of classes) {
    for (const subnet of draft.subnets) {
      const both = said(one, what).filter((key) =>
        [subnet, ...subnet.pools].some((settings) => said(settings, what).includes(key))
      );
      if (both.length === 0) continue;
      const advice =
        `${both.join(", ")}: said by it and by the subnet of line ${subnet.place.line}, or a pool of it; ` +
        "there the subnet wins, here the class: remove it from one of the two";
      findings.changed(one.place, `class ${one.name}`, advice);
    }
  }
}

function said(settings: DraftSettings, what: "options" | "everything"): string[] {
  const options = [...settings.options.keys()].map(optionKey);
  if (what === "options") return options;
  const fields = (["nextServer", "serverName", "bootFile"] as const).filter((key) => settings[key] !== undefined);
  return [...fields, ...options];
}
