/**
 * How large a configuration may be, and how these limits relate. A text beyond one of them is refused before it is
 * parsed (`bounds.ts`), so that no text takes the parser long, or much memory.
 */

import { assert } from "../assert.ts";
import { WIRE_LIMITS } from "../cluster/wire/limits.ts";

export const CONFIG_LIMITS = {
  /** Octets of a file. */
  fileBytesMax: 16 * 1024 * 1024,
  /** Octets of a `service` section as JSON: members send it to each other in one message. */
  sectionBytesMax: WIRE_LIMITS.configTextMax - 64 * 1024,
  /** Words, marks and spaces of YAML: some 120,000 reservations, in lists that are parsed in pieces (`pieces.ts`). */
  lexemesMax: 4_000_000,
  /** Of what is parsed at once: the parser takes 200 octets of memory for each. */
  lexemesAtOnceMax: 1_000_000,
  /** Of one value as written: the longest useful one is an option's octets in hexadecimal. */
  scalarCharactersMax: 16_384,
  /** Brackets within brackets; also mappings and lists within each other in JSON. */
  depthMax: 64,
  /** Columns in front of a line; each level of YAML without brackets takes at least one. */
  indentMax: 256,
  /** Aliases. */
  aliasesMax: 1_000,
  /** How often aliases may repeat values: enough to share a few options, too few for a "billion laughs" attack. */
  aliasRepeatsMax: 100,
  /** Problems of one configuration that are told. */
  issuesMax: 100,
} as const;

assert(
  CONFIG_LIMITS.sectionBytesMax < WIRE_LIMITS.messageBytesMax,
  "A configuration fits in a message, with what goes in front of it",
);
assert(
  CONFIG_LIMITS.scalarCharactersMax < CONFIG_LIMITS.fileBytesMax,
  "One value does not fill a file",
);
