/**
 * Imports the leases of other servers into a running node. Only running leases are imported, and declined addresses,
 * which go on resting; each is committed by a majority like any other lease, and importing twice changes nothing. A dry
 * run applies the same rules to the node's configuration and leases and changes nothing.
 */

import { fromHex } from "../../src/bytes/hex.ts";
import { serviceSchema } from "../../src/config/service_schema.ts";
import type { ForeignLease, Unusable } from "../../src/convert/leases/lease.ts";
import { CompiledService } from "../../src/dhcp/server/compiled_service.ts";
import { CLIENT_TAG, type ClientKey, clientKey, isSameSender } from "../../src/lease/agreement/client_key.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../src/net/ipv4.ts";
import { printable } from "../../src/unseen.ts";
import { judgeImport } from "./import_rule.ts";
import { bodyOf } from "../cli/admin_client.ts";
import type { AdminClient } from "../admin/local_socket.ts";
import type { LeaseFile } from "./files.ts";

/** Leases of one request: some hundred milliseconds, so that the progress moves. */
const BATCH = 500;

/** Result of one lease. */
interface ImportOutcome {
  readonly address: string;
  readonly client: string;
  readonly hostname: string;
  /** ISO 8601; null: it does not end. */
  readonly expires: string | null;
  /** `known`: the node has it, as long as this or longer. */
  /** It is no lease: the address rests, as a host that no lease gave it uses it. */
  readonly rests: boolean;
  readonly outcome: "imported" | "known" | "refused";
  readonly problem?: string;
}

/** Result of an import or a dry run. */
interface ImportReport {
  readonly checkOnly: boolean;
  readonly files: readonly {
    readonly path: string;
    readonly format: string;
    readonly totals: LeaseFile["reading"]["totals"];
  }[];
  /** Parts of the files that gave no lease. */
  readonly unusable: readonly Unusable[];
  /** One for each lease that runs. */
  readonly outcomes: readonly ImportOutcome[];
  readonly counts: {
    readonly imported: number;
    readonly known: number;
    readonly refused: number;
    /** Leases that had ended. */
    readonly ended: number;
    /** Addresses that were declined and rest; they are among those above. */
    readonly declined: number;
    /** Leases of an address that another file has for longer. */
    readonly superseded: number;
    readonly unusable: number;
  };
}

interface ImportOptions {
  readonly checkOnly?: boolean;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Leases that run and addresses that rest, of all files; of two for one address, the one that ends later. */
function runningLeases(files: readonly LeaseFile[], nowMs: number): {
  readonly leases: readonly ForeignLease[];
  readonly ended: number;
  readonly declined: number;
  readonly superseded: number;
} {
  const running = new Map<Ipv4, ForeignLease>();
  let ended = 0;
  let superseded = 0;
  for (const lease of files.flatMap(({ reading }) => reading.leases)) {
    if (lease.state === "ended" || endMs(lease) <= nowMs) ended += 1;
    else {
      const other = running.get(lease.address);
      if (other !== undefined) superseded += 1;
      if (other === undefined || endMs(lease) > endMs(other)) running.set(lease.address, lease);
    }
  }
  const leases = [...running.values()].sort((a, b) => a.address - b.address);
  return { leases, ended, declined: leases.filter(({ state }) => state === "declined").length, superseded };
}

function endMs({ expires }: ForeignLease): number {
  return expires === undefined ? Infinity : expires * 1_000;
}

/** Imports, or says what importing would do. Rejects with one line when the node cannot be reached or refuses. */
export async function importLeases(
  send: AdminClient,
  files: readonly LeaseFile[],
  options: ImportOptions,
): Promise<ImportReport> {
  const { checkOnly = false, nowMs, onProgress = () => {} } = options;
  const { leases, ...counts } = runningLeases(files, nowMs);
  const judge = checkOnly ? await foresee(send, nowMs) : (batch: readonly ForeignLease[]) => hand(send, batch);
  const outcomes: ImportOutcome[] = [];
  let ended = counts.ended;
  onProgress(0, leases.length);
  for (let start = 0; start < leases.length; start += BATCH) {
    const batch = leases.slice(start, start + BATCH);
    const verdicts = await judge(batch);
    for (const [index, lease] of batch.entries()) {
      const { outcome, problem } = verdicts[index] ?? { outcome: "refused", problem: "the node did not say" };
      if (outcome === "expired") ended += 1;
      else outcomes.push({ ...describe(lease), outcome, ...(problem === undefined ? {} : { problem }) });
    }
    onProgress(Math.min(start + BATCH, leases.length), leases.length);
  }
  const count = (wanted: ImportOutcome["outcome"]) => outcomes.filter(({ outcome }) => outcome === wanted).length;
  const unusable = files.flatMap(({ reading }) => reading.unusable);
  return {
    checkOnly,
    files: files.map(({ path, format, reading }) => ({ path, format, totals: reading.totals })),
    unusable,
    outcomes,
    counts: {
      ...counts,
      ended,
      imported: count("imported"),
      known: count("known"),
      refused: count("refused"),
      unusable: unusable.length,
    },
  };
}

interface ImportVerdict {
  readonly outcome: "imported" | "known" | "refused" | "expired";
  readonly problem?: string | undefined;
}

async function hand(send: AdminClient, leases: readonly ForeignLease[]): Promise<readonly ImportVerdict[]> {
  const body = { leases: leases.map(toRequest) };
  const { outcomes } = bodyOf<{ outcomes: ImportVerdict[] }>(
    await send({ method: "POST", path: "/leases/import", body }),
  );
  return outcomes;
}

function toRequest(lease: ForeignLease) {
  const { identifier, htype, chaddr, hostname } = lease;
  return {
    address: formatIpv4(lease.address),
    client: {
      identifier: identifier === "" ? null : identifier,
      htype: htype === 0 ? 1 : htype,
      chaddr,
    },
    hostname: hostname === "" ? null : hostname,
    expires: isoOf(lease),
    ...lease.state === "declined" ? { state: lease.state } : {},
  };
}

/** The last instant that a JavaScript Date can express. */
const DATE_MS_MAX = 8.64e15;

function isoOf(lease: ForeignLease): string | null {
  const end = endMs(lease);
  return end > DATE_MS_MAX ? null : new Date(end).toISOString();
}

function describe(lease: ForeignLease): Omit<ImportOutcome, "outcome"> {
  const { identifier, chaddr } = lease;
  return {
    address: formatIpv4(lease.address),
    client: chaddr === "" ? identifier : chaddr.replaceAll(/..(?=.)/g, "$&:"),
    hostname: lease.hostname,
    expires: isoOf(lease),
    rests: lease.state === "declined",
  };
}

interface Known {
  readonly address: string;
  readonly client: { readonly identifier: string | null; readonly htype: number; readonly chaddr: string };
  readonly expires: string | null;
}

/** Predicts the node's verdict from its configuration and its leases. */
async function foresee(
  send: AdminClient,
  nowMs: number,
): Promise<(leases: readonly ForeignLease[]) => Promise<readonly ImportVerdict[]>> {
  const { service } = bodyOf<{ service: unknown }>(await send({ path: "/config" }));
  const compiled = new CompiledService(serviceSchema.parse(service));
  const limits = { compiled, maxLeaseMs: compiled.maxLeaseSeconds * 1_000, nowMs };
  const held = new Map<Ipv4, { client: ClientKey; endMs: number }>();
  for await (const { address, client, expires } of allLeases<Known>(send, "bound")) {
    const octets = parseIpv4(address);
    const key = octets === undefined ? undefined : keyOf(compiled, octets, client);
    if (octets === undefined || key === undefined) continue;
    held.set(octets, { client: key, endMs: expires === null ? 0 : Date.parse(expires) });
  }
  const resting = new Set<string>();
  for await (const { address } of allLeases<Known>(send, "declined")) resting.add(address);
  return (leases) =>
    Promise.resolve(leases.map((lease): ImportVerdict => {
      const { client, ...rest } = toRequest(lease);
      const judged = judgeImport({ ...rest, ...client }, limits);
      if ("outcome" in judged) return judged;
      if (resting.has(rest.address)) return judged.rests ? { outcome: "known" } : RESTS;
      const other = held.get(judged.address);
      if (other === undefined) return { outcome: "imported" };
      if (!isSameSender(other.client, judged.client)) {
        return { outcome: "refused", problem: "another client holds it here" };
      }
      return { outcome: other.endMs >= nowMs + judged.leaseMs - 1_000 ? "known" : "imported" };
    }));
}

const RESTS = { outcome: "refused", problem: "another client holds it here" } as const;

function keyOf(
  compiled: CompiledService,
  address: Ipv4,
  { identifier, htype, chaddr }: Known["client"],
): ClientKey | undefined {
  const subnet = compiled.subnetOf(address)?.id;
  if (subnet === undefined) return undefined;
  const octets = fromHex(identifier ?? chaddr) ?? new Uint8Array();
  return identifier === null
    ? clientKey({ subnet, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(htype, ...octets) })
    : clientKey({ subnet, tag: CLIENT_TAG.clientIdentifier, bytes: octets });
}

/** Every lease of a node in a state, page by page. */
export async function* allLeases<Lease extends { readonly address: string }>(
  send: AdminClient,
  state: "bound" | "declined",
): AsyncGenerator<Lease> {
  let after: string | null = null;
  do {
    const path: string = `/leases?state=${state}&limit=1000${after === null ? "" : `&after=${after}`}`;
    const page: { leases: Lease[]; next: string | null } = bodyOf(await send({ path }));
    yield* page.leases;
    after = page.next;
  } while (after !== null);
}

const ROW_PROBLEMS_MAX = 1_000;

/** The report as text. */
export function importText(report: ImportReport): string {
  const { checkOnly, counts, outcomes, files, unusable } = report;
  const lines: string[] = [];
  for (const { file, line, text, reason } of unusable.slice(0, ROW_PROBLEMS_MAX)) {
    lines.push(`${file}:${line}: not used: ${reason}: ${text}`);
  }
  if (unusable.length > ROW_PROBLEMS_MAX) {
    lines.push(`… and ${unusable.length - ROW_PROBLEMS_MAX} more that were not used (--json has all)`);
  }
  const shown = outcomes.filter(({ outcome }) => checkOnly || outcome === "refused");
  for (const { address, client, hostname, expires, rests, outcome, problem } of shown) {
    const verdict = outcome === "refused"
      ? `refused: ${problem}`
      : outcome === "known"
      ? "known"
      : checkOnly
      ? "to be imported"
      : "imported";
    const until = `${rests ? "declined, rests " : ""}until ${expires ?? "for ever"}`;
    lines.push(
      [address.padEnd(15), client, hostname, until, verdict].filter((part) => part !== "")
        .join("  "),
    );
  }
  for (const { path, format, totals } of files) {
    const { records, leases, superseded, free, other, unusable: bad } = totals;
    lines.push(
      `${path} (${format}): ${records} records: ${leases} leases, ${superseded} superseded, ${free} free, ` +
        `${other} about something else, ${bad} not usable`,
    );
  }
  const { imported, known, refused, ended, declined } = counts;
  const twice = counts.superseded === 0 ? "" : `, ${counts.superseded} of them in two files`;
  const verb = checkOnly ? "to be imported" : "imported";
  lines.push(
    `${imported} ${verb}, ${known} known already, ${refused} refused, ${ended} had ended; ` +
      `${declined} of them are declined addresses, which rest${twice}`,
  );
  return lines.map(printable).join("\n");
}
