/** What levels of dhcpd.conf have beside settings: parameters that decide how clients are served, and conditions. */

import type { Statement } from "../../isc/statements.ts";
import { type DraftSettings, emptySettings, type SettingKey } from "../draft.ts";
import { noSpaces, type Spaces } from "./option_statements.ts";

/** Parameters that no setting here stands for; undefined: the level around decides. */
export interface Flags {
  /** `use-host-decl-names` */
  hostNames?: boolean;
  /** `boot-unknown-clients`, or `deny unknown-clients` outside of a pool. */
  unknownClients?: boolean;
  /** `allow booting` */
  booting?: boolean;
}

/** `if … elsif … else …`, and what statements after it say anew. */
export interface Conditional {
  readonly chain: readonly Statement[];
  readonly overridden: ReadonlySet<SettingKey>;
}

/** The service, a shared network, a group, a subnet, a pool, a host, a class or a branch of a condition. */
export interface Level {
  readonly settings: DraftSettings;
  readonly spaces: Spaces;
  readonly flags: Flags;
  readonly conditionals: Conditional[];
}

export function levelOf(settings: DraftSettings = emptySettings()): Level {
  return { settings, spaces: noSpaces(), flags: {}, conditionals: [] };
}

/** What the innermost level that decides says. */
export function flagOf(levels: readonly Level[], flag: keyof Flags): boolean | undefined {
  return levels.find(({ flags }) => flags[flag] !== undefined)?.flags[flag];
}
