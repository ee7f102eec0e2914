/**
 * Lease files of dhcpd, Kea and dnsmasq: every record is accounted for, every lease can be imported, and what is
 * exported to Kea is read back.
 */

import { formatIpv4 } from "../../../src/net/ipv4.ts";
import { type ApiLease, csvRow, KEA_HEADER, keaRow } from "../../../src/convert/leases/export.ts";
import { identityProblem, isHostAddress, type LeaseFormat } from "../../../src/convert/leases/lease.ts";
import type { ForeignLease } from "../../../src/convert/leases/lease.ts";
import { readLeases, recogniseLeases } from "../../../src/convert/leases/recognise.ts";
import { corpusOf } from "../corpus.ts";
import { must, type Surface } from "../surface.ts";
import { isVisible, latin1, TextCorpus } from "../words.ts";

const NOW_SECONDS = 1_600_000_000;
const ANYWHERE = [{ prefix: { address: 0, prefixLength: 0 }, id: 7 }];
/** Seconds of the last instant that ISO 8601 with four digits has. */
const LAST_SECONDS = 253_402_300_799;

function judgeLease(lease: ForeignLease, lines: number): void {
  const { address, identifier, chaddr, hostname, expires, place } = lease;
  must(isHostAddress(address), "a lease must have an address that a client can hold");
  must(place.line >= 1 && place.line <= lines, "a lease must have a line of the file");
  must(/^(?:[0-9a-f]{2})*$/.test(identifier + chaddr), "octets must be hexadecimal");
  must(lease.state === "declined" || identityProblem(identifier, chaddr) === undefined, "a lease must name its client");
  must(hostname === "" || isVisible(hostname), "a host name must be visible");
  must(expires === undefined || Number.isSafeInteger(expires), "a lease must end at a whole second, or never");
}

function judgeExport(lease: ForeignLease): void {
  const { identifier, chaddr, expires = LAST_SECONDS } = lease;
  if (expires > LAST_SECONDS) return;
  const api: ApiLease = {
    address: formatIpv4(lease.address),
    subnet: null,
    state: "bound",
    client: { identifier: identifier === "" ? null : identifier, htype: lease.htype, chaddr },
    hostname: lease.hostname,
    expires: new Date(1_000 * expires).toISOString(),
    ...{ circuitId: null, remoteId: null, giaddr: null, node: 1 },
  };
  must(csvRow(api).split("\r\n").length === 2, "a lease must be one line of CSV");
  const made = keaRow(api, ANYWHERE, NOW_SECONDS);
  if (!made.ok) return;
  const { leases, unusable } = readLeases("kea", [{ file: "f", text: KEA_HEADER + made.row }]);
  must(unusable.length === 0 && leases.length === 1, "what is exported must be read back");
  const [back] = leases;
  must(back?.address === lease.address && back.identifier === identifier, "an exported lease must be the same");
}

function surface(format: LeaseFormat): Surface {
  const texts = new TextCorpus(corpusOf(`${format}-leases`));
  return {
    name: `${format}-leases`,
    weight: 1,
    quick: 5_000,
    labels: ["leases", "leases, and unusable parts", "none"],
    compose: (dice) => texts.compose(dice),
    check(input) {
      const text = latin1(input);
      recogniseLeases(text);
      const { leases, unusable, totals } = readLeases(format, [{ file: "file", text }]);
      const sum = totals.leases + totals.superseded + totals.free + totals.other + totals.unusable;
      must(totals.records === sum, "every record must be accounted for");
      const lines = text.split("\n").length;
      for (const lease of leases) judgeLease(lease, lines);
      for (const { line, text, reason } of unusable) {
        must(line >= 1 && line <= lines + 1, "an unusable part must have a line of the file");
        must(isVisible(text + reason), "a report must be visible characters");
      }
      if (leases[0] !== undefined) judgeExport(leases[0]);
      return leases.length === 0 ? "none" : unusable.length === 0 ? "leases" : "leases, and unusable parts";
    },
  };
}

export const leaseFiles: readonly Surface[] = [surface("dhcpd"), surface("kea"), surface("dnsmasq")];
