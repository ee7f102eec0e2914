/**
 * A settled draft as a `service` section in YAML, with the line of its origin as a comment at every value; and the
 * validation of the section.
 */

import { toHex } from "../../bytes/hex.ts";
import { formatSeconds } from "../../config/duration.ts";
import { mapping } from "../../config/field.ts";
import type { ConfigIssue } from "../../config/issue.ts";
import { loadConfig } from "../../config/load.ts";
import { asMapping } from "../../config/plain.ts";
import { checkService } from "../../config/service_check.ts";
import { serviceSchema } from "../../config/service_schema.ts";
import { optionByKey } from "../../dhcp/options/mod.ts";
import { formatIpv4, formatPrefix, formatRange } from "../../net/ipv4.ts";
import type { Place } from "../leases/lease.ts";
import type { Draft, DraftClass, DraftPool, DraftReservation, DraftSettings, DraftSubnet, Said } from "./draft.ts";
import { saysNothing, TIMES } from "./draft.ts";
import { configuredValue, optionKey } from "./options.ts";

/** Writes the section, the key `service` included. */
export function writeService(draft: Draft, file: string): string {
  const writer = new Writer(file);
  writer.line(0, "service:", "");
  writer.line(1, "revision: 1", "raise it with every change");
  if (draft.authoritative !== undefined) writer.said(1, "authoritative", draft.authoritative, String);
  if (draft.declineTime !== undefined) writer.said(1, "declineTime", draft.declineTime, formatSeconds);
  if (draft.rapidCommit !== undefined) writer.said(1, "rapidCommit", draft.rapidCommit, String);
  if (draft.clientIdentity !== undefined) writer.said(1, "clientIdentity", draft.clientIdentity, String);
  writer.settings(1, draft);
  if (draft.classes.length > 0) {
    writer.line(1, "classes:", draft.classes.length > 1 ? "of several that match, what the last one says wins" : "");
    for (const one of draft.classes) writer.class(one);
  }
  writer.line(1, draft.subnets.length === 0 ? "subnets: []" : "subnets:", "");
  for (const subnet of draft.subnets) writer.subnet(subnet);
  return writer.text;
}

/** Validates the text that {@link writeService} made; empty when it is valid. */
export function validateService(text: string): readonly ConfigIssue[] {
  const schema = mapping({ service: serviceSchema });
  const result = loadConfig(text, schema, (root, report) => checkService(asMapping(root).service, report));
  return result.ok ? [] : result.issues;
}

class Writer {
  readonly #file: string;
  #lines: string[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  get text(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  line(depth: number, content: string, comment: string): void {
    this.#lines.push(`${"  ".repeat(depth)}${content}${comment === "" ? "" : ` # ${comment}`}`);
  }

  said<T>(depth: number, key: string, said: Said<T>, format: (value: T) => string): void {
    this.line(depth, `${key}: ${format(said.value)}`, this.#origin(said.place, said.remark));
  }

  settings(depth: number, settings: DraftSettings): void {
    for (const key of TIMES) {
      const said = settings[key];
      if (said !== undefined) this.said(depth, key, said, formatSeconds);
    }
    if (settings.nextServer !== undefined) this.said(depth, "nextServer", settings.nextServer, formatIpv4);
    if (settings.serverName !== undefined) this.said(depth, "serverName", settings.serverName, flow);
    if (settings.bootFile !== undefined) this.said(depth, "bootFile", settings.bootFile, flow);
    if (settings.options.size === 0) return;
    this.line(depth, "options:", "");
    for (const [code, said] of [...settings.options].sort(([a], [b]) => a - b)) {
      const spec = optionByKey(String(code));
      if (spec === undefined) continue;
      this.said(depth + 1, flow(optionKey(code)), said, (bytes) => flow(configuredValue(spec, bytes)));
    }
  }

  class(one: DraftClass): void {
    this.line(2, `- name: ${flow(one.name)}`, this.#origin(one.place));
    this.line(3, `match: ${flow(one.match)}`, "");
    this.settings(3, one);
  }

  subnet(subnet: DraftSubnet): void {
    this.line(2, `- subnet: ${formatPrefix(subnet.prefix)}`, this.#origin(subnet.place));
    if (subnet.clientIdentity !== undefined) this.said(3, "clientIdentity", subnet.clientIdentity, String);
    this.settings(3, subnet);
    if (subnet.pools.length > 0) this.line(3, "pools:", "");
    for (const pool of subnet.pools) this.pool(pool);
    if (subnet.reservations.length > 0) this.line(3, "reservations:", "");
    for (const reservation of subnet.reservations) this.reservation(reservation);
  }

  pool(pool: DraftPool): void {
    const range = formatRange(pool.range);
    if (saysNothing(pool)) return this.line(4, `- ${range}`, this.#origin(pool.place));
    this.line(4, `- range: ${range}`, this.#origin(pool.place));
    this.settings(5, pool);
  }

  reservation(reservation: DraftReservation): void {
    const { hardware, clientId, address, hostname } = reservation;
    const who = hardware === undefined
      ? `clientId: "0x${toHex(clientId ?? new Uint8Array())}"`
      : `hardware: "${toHex(hardware, ":")}"`;
    const parts = [who, `address: ${formatIpv4(address)}`];
    if (hostname !== undefined) parts.push(`hostname: ${flow(hostname)}`);
    const origin = this.#origin(reservation.place);
    if (saysNothing(reservation)) return this.line(4, `- { ${parts.join(", ")} }`, origin);
    for (const [index, part] of parts.entries()) {
      this.line(index === 0 ? 4 : 5, `${index === 0 ? "- " : ""}${part}`, index === 0 ? origin : "");
    }
    this.settings(5, reservation);
  }

  #origin({ file, line }: Place, remark = ""): string {
    const from = line === 0 ? "" : file === this.#file ? `line ${line}` : `${file}:${line}`;
    const text = [from, remark].filter((part) => part !== "").join(", ");
    return text.replaceAll(/[^\x20-\x7e]/g, "?");
  }
}

/** A value in YAML on one line. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const pairs = Object.entries(value).filter(([, one]) => one !== undefined);
    return `{ ${pairs.map(([key, one]) => `${flow(key)}: ${flow(one)}`).join(", ")} }`;
  }
  return typeof value === "string" ? text(value) : String(value);
}

/** Words that YAML or our fields would not read as text. */
const NOT_PLAIN = /^(?:true|false|null|yes|no|on|off|y|n|infinite|\.inf|\.nan)$/i;

function text(value: string): string {
  const address = /^\d{1,3}(?:\.\d{1,3}){3}(?:\/\d{1,2})?$/.test(value);
  const word = /^[A-Za-z][\w.-]*$/.test(value) && !NOT_PLAIN.test(value);
  return address || word ? value : JSON.stringify(value);
}
