/** Exports a node's leases for other programs, page by page: a million of them need little memory. */

import {
  type ApiLease,
  CSV_HEADER,
  csvRow,
  KEA_HEADER,
  keaRow,
  type KeaSubnet,
} from "../../src/convert/leases/export.ts";
import type { Mapping } from "../../src/config/plain.ts";
import { allSubnets } from "../../src/config/subnets.ts";
import { parsePrefix } from "../../src/net/ipv4.ts";
import type { AdminClient } from "../admin/local_socket.ts";
import { bodyOf } from "../cli/admin_client.ts";
import { allLeases } from "./import.ts";

export const EXPORT_FORMATS = ["csv", "kea"] as const;
export type ExportFormat = typeof EXPORT_FORMATS[number];

interface ExportOptions {
  readonly format: ExportFormat;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** Kea's numbers of subnets by prefix, where they are not 1, 2, 3 in the order of the configuration. */
  readonly subnetIds?: ReadonlyMap<string, number>;
  readonly write: (text: string) => void | Promise<void>;
  readonly onProgress?: (done: number) => void;
}

/** What was written. */
interface ExportReport {
  readonly leases: number;
  /** Why leases were left out, and how often. */
  readonly omitted: ReadonlyMap<string, number>;
  /** The numbers that subnets have in Kea's file. */
  readonly subnets: readonly { readonly subnet: string; readonly id: number }[];
}

/** Characters per write. */
const CHUNK = 64 * 1024;

/** Writes all leases that run, and for Kea the declined addresses, too. Rejects when the node cannot be reached. */
export async function exportLeases(send: AdminClient, options: ExportOptions): Promise<ExportReport> {
  const { format, nowMs, write, onProgress = () => {} } = options;
  const subnets = format === "kea" ? await numberSubnets(send, options.subnetIds ?? new Map()) : [];
  const prefixes = subnets.flatMap(({ subnet, id }): KeaSubnet[] => {
    const prefix = parsePrefix(subnet);
    return prefix === undefined ? [] : [{ prefix, id }];
  });
  const omitted = new Map<string, number>();
  let text = format === "kea" ? KEA_HEADER : CSV_HEADER;
  let leases = 0;
  for (const state of format === "kea" ? ["bound", "declined"] as const : ["bound"] as const) {
    for await (const lease of allLeases<ApiLease>(send, state)) {
      const made = format === "kea"
        ? keaRow(lease, prefixes, Math.floor(nowMs / 1_000))
        : { ok: true as const, row: csvRow(lease) };
      if (!made.ok) {
        omitted.set(made.reason, (omitted.get(made.reason) ?? 0) + 1);
        continue;
      }
      text += made.row;
      leases += 1;
      if (text.length < CHUNK) continue;
      await write(text);
      text = "";
      onProgress(leases);
    }
  }
  await write(text);
  onProgress(leases);
  return { leases, omitted, subnets };
}

async function numberSubnets(
  send: AdminClient,
  given: ReadonlyMap<string, number>,
): Promise<{ subnet: string; id: number }[]> {
  const { service } = bodyOf<{ service: Mapping }>(await send({ path: "/config" }));
  const names = allSubnets(service).map(({ subnet }) => String(subnet));
  const unknown = [...given.keys()].find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`${unknown} is not a configured subnet: ${names.join(", ")}`);
  return names.map((subnet, index) => ({ subnet, id: given.get(subnet) ?? index + 1 }));
}
