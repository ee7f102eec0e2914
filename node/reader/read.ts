/** Reads configurations: what `reader_worker.ts` does with each request. */

import { unreachable } from "../../src/assert.ts";
import { isTooDeep } from "../../src/config/bounds.ts";
import { formatIssues } from "../../src/config/issue.ts";
import { CONFIG_LIMITS } from "../../src/config/limits.ts";
import { loadConfig } from "../../src/config/load.ts";
import { asList, asMapping, isMapping, type Mapping } from "../../src/config/plain.ts";
import { parseSource } from "../../src/config/source.ts";
import { allSubnets, withSubnets } from "../../src/config/subnets.ts";
import { type PackedService, packService } from "../../src/dhcp/server/compiled_service.ts";
import type { ServiceConfig } from "../../src/config/service_schema.ts";
import { type Ipv4, parseIpv4, parsePrefix, prefixContains } from "../../src/net/ipv4.ts";
import { checkNode, nodeSchema, readServiceText, serviceText, sizeProblem } from "../config.ts";
import { amendSection } from "./amend.ts";
import type {
  EditReading,
  FileReading,
  GivenReading,
  ReaderRequest,
  ReadingKind,
  Readings,
  ReservationEdit,
  ReservationInput,
  SectionReading,
} from "./protocol.ts";

/** Carries out a request. */
export function read(request: ReaderRequest): Readings[ReadingKind]["gives"] {
  switch (request.kind) {
    case "file":
      return readFile(request);
    case "section":
      return readSection(request);
    case "given":
      return readGiven(request);
    case "edit":
      return editReservation(request.text, request.edit);
    default:
      return unreachable(request);
  }
}

type Asked<Kind extends ReadingKind> = Readings[Kind]["asks"];

function readFile({ text, file }: Asked<"file">): FileReading {
  const result = loadConfig(text, nodeSchema, checkNode);
  if (!result.ok) return { ok: false, problems: formatIssues(file, result.issues).split("\n") };
  const { service, ...config } = result.value;
  const section = serviceText(result.root);
  const tooLarge = sizeProblem(section);
  if (tooLarge !== undefined) return refuse(`${file}: service: ${tooLarge}`);
  return { ok: true, config, revision: service.revision, text: section, packed: pack(service, result.root) };
}

function readSection({ text, own, base }: Asked<"section">): SectionReading {
  const amended = base && amendSection(base, text, own);
  if (amended !== undefined) return { ok: true, packed: amended };
  const result = readServiceText(text, own);
  return result.ok ? { ok: true, packed: pack(result.service, result.root) } : refuse(result.problem);
}

function pack(service: ServiceConfig, root: unknown): PackedService {
  return packService(service, reservationsOf(asMapping(asMapping(root).service)));
}

/** Those of each subnet, and then those valid in all. */
function reservationsOf(section: Mapping): (readonly unknown[])[] {
  return [...allSubnets(section), section].map((level) => asList(level.reservations));
}

function readGiven({ text, format, current }: Asked<"given">): GivenReading {
  const root = format === "yaml" ? fromYaml(text) : fromJson(text);
  if (typeof root === "string") return refuse(root);
  const section = isMapping(root.value) && isMapping(root.value.service) ? root.value.service : root.value;
  if (!isMapping(section)) return refuse("this is not a service section: give the content of `service:` in node.yaml");
  const { revision = 0 } = section;
  if (!Number.isSafeInteger(revision) || Number(revision) < 0) {
    return refuse("revision must be a whole number, or left out");
  }
  const next = serviceText({ service: section });
  const tooLarge = sizeProblem(next);
  if (tooLarge !== undefined) return refuse(tooLarge);
  const served = current === undefined ? {} : asMapping(JSON.parse(current));
  const [before, after] = [contentOf(served), contentOf(section)];
  return {
    ok: true,
    text: next,
    revision: Number(revision),
    unreserved: [...before.reserved].filter((address) => !after.reserved.has(address)),
    unserved: [...before.subnets].filter((subnet) => !after.subnets.has(subnet)),
  };
}

function fromYaml(text: string): { readonly value: unknown } | string {
  const { source, issues } = parseSource(text);
  const [issue] = issues;
  if (issue !== undefined) return `line ${issue.line}, column ${issue.column}: ${issue.message}`;
  return { value: source?.value };
}

function fromJson(text: string): { readonly value: unknown } | string {
  const value: unknown = JSON.parse(text);
  return isTooDeep(value) ? `it is nested too deeply: more than ${CONFIG_LIMITS.depthMax} levels` : { value };
}

function contentOf(section: Mapping): { readonly reserved: Set<string>; readonly subnets: Set<string> } {
  const addresses = reservationsOf(section).flat().map((entry) => asMapping(entry).address);
  return {
    reserved: new Set(addresses.filter((address) => address !== undefined).map(String)),
    subnets: new Set(allSubnets(section).map(({ subnet }) => String(subnet))),
  };
}

function editReservation(text: string, edit: ReservationEdit): EditReading {
  const service = asMapping(JSON.parse(text));
  const changed = edit.kind === "reserve" ? reserve(service, edit.reservation) : unreserve(service, edit.address);
  if (typeof changed === "string") return { ok: false, problems: [changed], isMissing: edit.kind === "unreserve" };
  const next = serviceText({ service: changed });
  const tooLarge = sizeProblem(next);
  return tooLarge === undefined
    ? { ok: true, text: next }
    : { ok: false, problems: [`the service section would be too large: it ${tooLarge}`], isMissing: false };
}

function reserve(service: Mapping, { subnet: named, ...entry }: ReservationInput): Mapping | string {
  const address = parseIpv4(entry.address);
  const subnets = allSubnets(service);
  const index = subnets.findIndex(({ subnet }) => {
    const prefix = parsePrefix(String(subnet));
    return address !== undefined && prefix !== undefined && prefixContains(prefix, address);
  });
  const subnet = subnets[index];
  if (address === undefined || subnet === undefined) return `no configured subnet has ${entry.address}`;
  if (named !== undefined && named !== subnet.subnet) {
    return `${entry.address} lies in ${String(subnet.subnet)}, not in ${named}`;
  }
  if ([service, subnet].some(({ reservations }) => asList(reservations).some((known) => isOf(known, address)))) {
    return `${entry.address} is reserved already: remove that reservation first`;
  }
  const reservations = [...asList(subnet.reservations), entry];
  return withSubnets(service, subnets.with(index, { ...subnet, reservations }));
}

function unreserve(service: Mapping, text: string): Mapping | string {
  const address = parseIpv4(text);
  const subnets = allSubnets(service);
  const isReserving = ({ reservations }: Mapping) => asList(reservations).some((known) => isOf(known, address));
  const without = (level: Mapping) => (
    { ...level, reservations: asList(level.reservations).filter((known) => !isOf(known, address)) }
  );
  const index = subnets.findIndex(isReserving);
  if (index >= 0) return withSubnets(service, subnets.with(index, without(asMapping(subnets[index]))));
  return isReserving(service) ? without(service) : `${text} is not reserved`;
}

function isOf(reservation: unknown, address: Ipv4 | undefined): boolean {
  const text = asMapping(reservation).address;
  return typeof text === "string" && parseIpv4(text) === address;
}

function refuse(...problems: string[]): { readonly ok: false; readonly problems: readonly string[] } {
  return { ok: false, problems };
}
