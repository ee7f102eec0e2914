/**
 * Writes `node/OPTIONS.md` from the option registry; a test notices when it is out of date.
 *
 * usage: deno run -A scripts/document.ts && deno fmt node/OPTIONS.md
 */

import { optionTable } from "../src/dhcp/options/mod.ts";

/** Where the table is kept. */
export const OPTIONS_FILE = new URL("../node/OPTIONS.md", import.meta.url);

/** The document. */
export function optionsDocument(): string {
  return `# DHCP options

The names that \`options\` takes in a node's configuration, made from \`src/dhcp/options/registry.ts\` by
\`scripts/document.ts\`. An option that is not here is given by its code, with its bytes in hex: \`"224": "0x0102ff"\`.

${optionTable()}`;
}

if (import.meta.main) await Deno.writeTextFile(OPTIONS_FILE, optionsDocument());
