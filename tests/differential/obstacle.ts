/** Why the comparison can't run on this machine. */

import { absentTools, TEST_TOOLS } from "../../scripts/setup/packages.ts";

const NEEDED = new Set(["dhcpd", "kea-dhcp4", "dnsmasq", "ip"]);

/** Undefined when nothing is missing. */
export function obstacle(): string | undefined {
  if (Deno.uid() !== 0) return "it needs root, for network namespaces";
  const absent = absentTools(TEST_TOOLS.filter(({ command }) => NEEDED.has(command)));
  return absent.length === 0 ? undefined : `missing: ${absent.map((tool) => tool.package).join(", ")}`;
}
