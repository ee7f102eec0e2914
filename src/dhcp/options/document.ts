/** The registry as documentation. */

import { ALL_OPTIONS } from "./lookup.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|");

/** A Markdown table of every option: key, code, what to write, where it is defined. Ends in a newline. */
export function optionTable(): string {
  const rows = ALL_OPTIONS.map(({ name, aliases, code, codec, rfc, reserved }) => {
    const keys = [name, ...(aliases ?? [])].map((key) => `\`${key}\``).join(", ");
    const value = reserved === undefined ? codec.wanted : `not configurable: ${reserved}`;
    return `| ${code} | ${keys} | ${cell(codec.shape)} | ${cell(value)} | ${cell(rfc)} |\n`;
  });
  return `| code | key | value | in configuration | defined in |\n|---|---|---|---|---|\n${rows.join("")}`;
}
