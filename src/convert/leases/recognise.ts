/** Recognises the format of a lease file, and reads it. */

import { readDhcpdLeases } from "./dhcpd.ts";
import { readDnsmasqLeases } from "./dnsmasq.ts";
import { readKeaLeases } from "./kea.ts";
import type { LeaseFormat, LeaseReading } from "./lease.ts";

/**
 * The format of a file, or undefined when its first line with content is none that one of the servers writes.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(recogniseLeases("# The format of this file is …\n\nlease 10.0.0.1 {"), "dhcpd");
 * strictEqual(recogniseLeases("address,hwaddr,client_id,valid_lifetime,expire,subnet_id"), "kea");
 * strictEqual(recogniseLeases("1700000000 02:00:00:00:00:01 10.0.0.1 printer *"), "dnsmasq");
 * ```
 */
export function recogniseLeases(text: string): LeaseFormat | undefined {
  const line = /^(?:\s|#[^\n]*(?:\n|$))*([^\n]*)/.exec(text.slice(0, 65_536))?.[1] ?? "";
  if (/^address,/.test(line)) return "kea";
  if (/^(?:lease|server-duid|authoring-byte-order|failover|ia-na|ia-ta|ia-pd|host)\b/.test(line)) return "dhcpd";
  if (/^(?:\d+\s+\S+\s+[\d.]+\s|duid\s)/.test(line)) return "dnsmasq";
  // dhcpd writes its comments even when there is no lease yet.
  return line === "" && /^#.*dhcpd\.leases/m.test(text.slice(0, 65_536)) ? "dhcpd" : undefined;
}

/** Reads files of one format: several only for Kea, the oldest first. */
export function readLeases(
  format: LeaseFormat,
  files: readonly { readonly file: string; readonly text: string }[],
): LeaseReading {
  const [first] = files;
  const { file, text } = first ?? { file: "", text: "" };
  switch (format) {
    case "dhcpd":
      return readDhcpdLeases(text, file);
    case "dnsmasq":
      return readDnsmasqLeases(text, file);
    case "kea":
      return readKeaLeases(files);
  }
}
