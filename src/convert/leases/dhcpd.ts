/**
 * ISC `dhcpd.leases` (dhcpd.leases(5)): declarations appended one after the other, of which the last one for an address
 * counts. A declaration that can't be read is reported; reading continues at the next line that starts one.
 */

import { parseIpv4 } from "../../net/ipv4.ts";
import { toHex } from "../../bytes/hex.ts";
import { colonOctets, IscSyntaxError, Lexer, type Token } from "../isc/lexer.ts";
import {
  type ForeignLease,
  hostnameOf,
  identityProblem,
  isHostAddress,
  latin1Bytes,
  LeaseCollector,
  type LeaseReading,
  plainHex,
  usableIdentifier,
} from "./lease.ts";
import { utcSeconds } from "./time.ts";
import { own } from "../own.ts";

/** Declarations that are not IPv4 leases. */
const OTHER = new Set([
  ...["server-duid", "authoring-byte-order", "failover", "ia-na", "ia-ta", "ia-pd", "class", "subclass", "group"],
  "zone",
  "key",
]);

/** Where a declaration can start again after one that was broken. */
const RESTART = /\n(?=(?:lease|host|failover|server-duid|ia-na|ia-ta|ia-pd)\s)/g;

/** Reads the text of a file, one character per octet. Never throws, whatever the text. */
export function readDhcpdLeases(text: string, file: string): LeaseReading {
  const found = new LeaseCollector();
  let lexer = new Lexer(text);
  const lines = new Lines(text);
  for (;;) {
    const start = lexer.offset;
    try {
      const head = lexer.next();
      if (head === undefined) break;
      readDeclaration(lexer, head, text, file, found);
    } catch (error) {
      if (!(error instanceof IscSyntaxError)) throw error;
      const begin = skipBlank(text, start);
      const reason = `it cannot be read: ${error.message}`;
      found.unusable({ file, line: lines.at(begin) }, text.slice(begin, begin + 400), reason);
      RESTART.lastIndex = begin;
      const restart = RESTART.exec(text);
      if (restart === null) break;
      lexer = new Lexer(text, restart.index + 1, lines.at(restart.index + 1));
    }
  }
  return found.result();
}

function skipBlank(text: string, offset: number): number {
  const blank = /\s*/y;
  blank.lastIndex = offset;
  return offset + (blank.exec(text)?.[0].length ?? 0);
}

/** Line numbers of offsets that only grow. */
class Lines {
  readonly #text: string;
  #offset = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  at(offset: number): number {
    for (
      let at = this.#text.indexOf("\n", this.#offset);
      at >= 0 && at < offset;
      at = this.#text.indexOf("\n", at + 1)
    ) {
      this.#line += 1;
      this.#offset = at + 1;
    }
    return this.#line;
  }
}

function readDeclaration(lexer: Lexer, head: Token, text: string, file: string, found: LeaseCollector): void {
  if (head.kind === "word" && head.text === "lease") {
    readLease(lexer, head, text, file, found);
    return;
  }
  const end = skipStatement(lexer, head);
  if (head.kind === "word" && OTHER.has(head.text)) {
    found.other();
    return;
  }
  const reason = head.text === "host"
    ? "a host made through OMAPI is a reservation, not a lease; add it to the reservations of its subnet"
    : "this is no lease";
  found.unusable({ file, line: head.line }, text.slice(head.offset, end), reason);
}

/** Takes the rest of a statement or declaration; returns where it ends. */
function skipStatement(lexer: Lexer, head: Token): number {
  if (head.text === ";" || head.text === "}") return head.end;
  let depth = head.text === "{" ? 1 : 0;
  for (;;) {
    const token = need(lexer, head);
    if (token.kind !== "mark") continue;
    if (token.text === "{") depth += 1;
    if (token.text === "}") depth -= 1;
    if (depth < 0 || (depth === 0 && (token.text === ";" || token.text === "}"))) return token.end;
  }
}

function need(lexer: Lexer, head: Token): Token {
  const token = lexer.next();
  if (token !== undefined) return token;
  throw new IscSyntaxError(head.line, "the file ends within it; the last write may have been cut off");
}

/** The statements of one declaration. */
interface Said {
  state: string | undefined;
  abandoned: boolean;
  expires: number | undefined;
  hasEnd: boolean;
  identifier: string;
  htype: number;
  chaddr: string;
  hostname: string;
  circuitId: string;
  remoteId: string;
}

function readLease(lexer: Lexer, head: Token, text: string, file: string, found: LeaseCollector): void {
  const place = { file, line: head.line };
  const name = need(lexer, head);
  const address = name.kind === "word" ? parseIpv4(name.text) : undefined;
  const open = need(lexer, head);
  if (open.text !== "{") throw new IscSyntaxError(open.line, `"${open.text}" stands where "{" was expected`);
  const said: Said = {
    ...{ state: undefined, abandoned: false, expires: undefined, hasEnd: false, identifier: "", htype: 0 },
    ...{ chaddr: "", hostname: "", circuitId: "", remoteId: "" },
  };
  let end = open.end;
  for (;;) {
    const token = need(lexer, head);
    end = token.end;
    if (token.text === "}" && token.kind === "mark") break;
    readStatement(lexer, token, head, said);
  }
  const refuse = (reason: string) => found.unusable(place, text.slice(head.offset, end), reason);
  if (address === undefined || !isHostAddress(address)) return refuse(`"${name.text}" is not the address of a host`);
  const state = stateOf(said);
  if (state === undefined) return refuse(`its binding state "${said.state}" is unknown`);
  const anonymous = said.identifier.length === 0 && said.chaddr.length === 0;
  if (state === "ended" && anonymous) return found.free(address);
  // An abandoned address may have no client: another host answered a ping.
  const problem = state === "declined" && anonymous ? undefined : identityProblem(said.identifier, said.chaddr);
  if (problem !== undefined) return refuse(problem);
  if (state === "bound" && !said.hasEnd) return refuse("it does not say when it ends");
  const lease: ForeignLease = {
    address,
    state,
    identifier: usableIdentifier(said.identifier),
    htype: said.htype,
    chaddr: said.chaddr,
    hostname: said.hostname,
    expires: said.expires,
    circuitId: said.circuitId,
    remoteId: said.remoteId,
    place,
  };
  found.lease(lease);
}

/** dhcpd.leases(5), "binding state"; a file from before failover (3.0) has none and means active. */
function stateOf(said: Said): ForeignLease["state"] | undefined {
  if (said.abandoned) return "declined";
  switch (said.state) {
    case undefined:
    case "active":
    case "bootp":
    case "reserved":
      return "bound";
    case "abandoned":
      return "declined";
    case "free":
    case "backup":
    case "expired":
    case "released":
    case "reset":
      return "ended";
    default:
      return undefined;
  }
}

function readStatement(lexer: Lexer, first: Token, head: Token, said: Said): void {
  const words: Token[] = [];
  let token = first;
  for (;;) {
    if (token.kind === "mark" && token.text === ";") break;
    if (token.kind === "mark" && token.text === "{") {
      // `on expiry { … }`: what dhcpd would have done at the end of the lease.
      skipBlock(lexer, head);
      return;
    }
    if (token.kind === "mark" && token.text === "}") {
      throw new IscSyntaxError(token.line, 'a statement does not end with ";"');
    }
    words.push(token);
    token = need(lexer, head);
  }
  const [keyword, a, b] = words.map((word) => word.text);
  switch (keyword) {
    case "binding":
      if (a === "state") said.state = b;
      return;
    case "abandoned":
      said.abandoned = true;
      return;
    case "ends":
      said.hasEnd = true;
      said.expires = readTime(words.slice(1));
      return;
    case "hardware":
      said.htype = hardwareType(a ?? "");
      said.chaddr = octets(words[2]);
      return;
    case "uid":
      said.identifier = octets(words[1]);
      return;
    case "client-hostname":
      said.hostname = hostnameOf(a ?? "");
      return;
    case "option":
      if (a === "agent.circuit-id") said.circuitId = octets(words[2]);
      if (a === "agent.remote-id") said.remoteId = octets(words[2]);
      // starts, cltt, tstp, set, …: nothing a node needs.
  }
}

function skipBlock(lexer: Lexer, head: Token): void {
  let depth = 1;
  while (depth > 0) {
    const { kind, text } = need(lexer, head);
    if (kind === "mark" && text === "{") depth += 1;
    if (kind === "mark" && text === "}") depth -= 1;
  }
}

/** A string's octets, or octets in hexadecimal with colons, of one or two digits each. */
function octets(token: Token | undefined): string {
  if (token === undefined) return "";
  if (token.kind === "string") return toHex(latin1Bytes(token.text));
  const bytes = plainHex(token.text) ?? colonHex(token.text);
  if (bytes === undefined) throw new IscSyntaxError(token.line, `"${token.text}" is neither a string nor octets`);
  return bytes;
}

function colonHex(text: string): string | undefined {
  const bytes = colonOctets(text);
  return bytes && toHex(bytes);
}

const HARDWARE_TYPES: Readonly<Record<string, number>> = {
  ethernet: 1,
  "token-ring": 6,
  fddi: 8,
  infiniband: 32,
};

function hardwareType(name: string): number {
  const known = own(HARDWARE_TYPES, name);
  if (known !== undefined) return known;
  const number = Number(/^unknown-(\d{1,3})$/.exec(name)?.[1]);
  return number <= 255 ? number : 0;
}

/**
 * `never`, `epoch 1700000000`, or `4 2024/02/29 23:59:59`, in UTC unless an offset follows (seconds or ±hhmm; dhcpd
 * itself writes none, OpenBSD's writes `UTC`). Undefined means never.
 */
function readTime(words: readonly Token[]): number | undefined {
  const line = words[0]?.line ?? 0;
  const [first, second, third, ...rest] = words.map((word) => word.text);
  if (first === "never") return undefined;
  if (first === "epoch") {
    const seconds = /^\d{1,12}$/.test(second ?? "") ? Number(second) : NaN;
    if (Number.isNaN(seconds)) throw new IscSyntaxError(line, `"${second ?? ""}" is no time`);
    return seconds;
  }
  const date = /^(\d{4})\/(\d{1,2})\/(\d{1,2})$/.exec(second ?? "");
  const time = /^(\d{1,2}):(\d{1,2}):(\d{1,2})$/.exec(third ?? "");
  const zone = /^([-+]?)(\d{2})(\d{2})$/.exec(rest.join("").replace(/^(?:UTC|GMT)$/, "") || "0000");
  if (date === null || time === null || zone === null) {
    throw new IscSyntaxError(line, `"${words.map((word) => word.text).join(" ")}" is no time`);
  }
  const [year, month, day] = date.slice(1).map(Number) as [number, number, number];
  const [hour, minute, second_] = time.slice(1).map(Number) as [number, number, number];
  const valid = month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60 && second_ <= 60;
  if (!valid) throw new IscSyntaxError(line, `"${second} ${third}" is no time`);
  const offset = (zone[1] === "-" ? -1 : 1) * (Number(zone[2]) * 3600 + Number(zone[3]) * 60);
  return utcSeconds([year, month, day], [hour, minute, second_]) - offset;
}
