/** Kea's `Dhcp4` as a draft of our `service` section. */

import { fromHex } from "../../../bytes/hex.ts";
import {
  formatIpv4,
  parseIpv4,
  parsePrefix,
  parseRange,
  type Prefix,
  prefixContains,
  prefixOf,
} from "../../../net/ipv4.ts";
import { prefixRange, type Range } from "../../../net/ipv4.ts";
import { hostnameOf, latin1Bytes, type Place } from "../../leases/lease.ts";
import {
  type Draft,
  type DraftClass,
  type DraftReservation,
  type DraftScope,
  type DraftSubnet,
  emptyDraft,
  emptyScope,
  inherit,
  saysNothing,
} from "../draft.ts";
import type { Findings } from "../findings.ts";
import { comparePrecedence } from "../precedence.ts";
import { matchesOf } from "../matches.ts";
import { setOption } from "../options.ts";
import { adviceFor } from "./advice.ts";
import {
  type Definition,
  encapsulateOptions,
  encodeData,
  keaType,
  knownDefinition,
  vendorOptions,
} from "./definitions.ts";
import type { JsonNode } from "./json.ts";
import { readTest } from "./expression.ts";

/** Kea's own defaults, in seconds (`SimpleParser4::GLOBAL4_DEFAULTS`). */
const DEFAULTS = { validLifetime: 7200, declineProbation: 86_400 };

/** RFC 3925: vendor-identifying vendor-specific information. */
const VIVSO = 125;

type JsonMap = Extract<JsonNode, { kind: "map" }>;

/** Converts the file's outermost value. */
export function convertKea(root: JsonNode, file: string, findings: Findings): Draft {
  return new KeaConverter(file, findings).run(root);
}

/** Keys that every level reads by itself. */
const SCOPE_KEYS = [
  ...["valid-lifetime", "min-valid-lifetime", "max-valid-lifetime", "renew-timer", "rebind-timer"],
  ...["calculate-tee-times", "t1-percent", "t2-percent"],
  ...["next-server", "server-hostname", "boot-file-name", "option-data"],
];

class KeaConverter {
  readonly #file: string;
  readonly #findings: Findings;
  readonly #draft = emptyDraft();
  readonly #definitions: Definition[] = [];

  constructor(file: string, findings: Findings) {
    this.#file = file;
    this.#findings = findings;
  }

  run(root: JsonNode): Draft {
    const outer = this.#map(root, "the file");
    for (const [key, node] of outer?.entries ?? []) {
      if (key === "Dhcp4") continue;
      const advice = key === "Dhcp6" ? "DHCPv6 is not served; keep Kea for it" : "it configures another program";
      this.#findings.needless(this.#place(node), show(key, node), advice);
    }
    const dhcp4 = outer?.entries.get("Dhcp4");
    const service = dhcp4 && this.#map(dhcp4, "Dhcp4");
    if (service === undefined) {
      this.#findings.lost(
        this.#place(root),
        "Dhcp4",
        'the file has no map "Dhcp4"; is it the configuration of kea-dhcp4?',
      );
      return this.#draft;
    }
    this.#service(service);
    return this.#draft;
  }

  #service(service: JsonMap): void {
    const draft = this.#draft;
    for (const node of this.#list(service, "option-def")) this.#define(node);
    this.#scope(service, draft);
    const place = this.#place(service);
    if (draft.leaseTime === undefined) {
      this.#lifetimes(draft, { value: DEFAULTS.validLifetime, place: { ...place, line: 0 }, remark: "Kea's default" });
    }
    const authoritative = service.entries.get("authoritative");
    draft.authoritative = authoritative?.kind === "boolean"
      ? { value: authoritative.value, place: this.#place(authoritative) }
      : {
        value: false,
        place: { ...place, line: 0 },
        remark: "Kea's default; true is better where no other server answers",
      };
    const decline = this.#number(service, "decline-probation-period");
    draft.declineTime = decline !== undefined && decline.value > 0
      ? decline
      : { value: DEFAULTS.declineProbation, place: { ...place, line: 0 }, remark: "Kea's default" };
    for (const node of this.#list(service, "shared-networks")) this.#sharedNetwork(node);
    for (const node of this.#list(service, "subnet4")) this.#subnet(node, emptyScope());
    // The first class that says something wins with Kea, the last one here.
    const classes = this.#list(service, "client-classes").flatMap((node) => this.#class(node));
    draft.classes.push(...classes.reverse());
    // Of fields like boot-file-name, Kea takes the class's; of options, the subnet's.
    comparePrecedence(draft, draft.classes, "options", this.#findings);
    for (const node of this.#list(service, "reservations")) this.#reservation(node, undefined);
    this.#others(service, [
      ...[...SCOPE_KEYS, "option-def", "authoritative", "decline-probation-period", "shared-networks", "subnet4"],
      ...["client-classes", "reservations"],
    ]);
  }

  #define(node: JsonNode): void {
    const definition = this.#map(node, "option-def");
    if (definition === undefined) return;
    const code = this.#number(definition, "code")?.value;
    const name = this.#text(definition, "name")?.value;
    if (code === undefined || name === undefined) {
      return this.#findings.lost(this.#place(node), show("option-def", node), "it needs a name and a code");
    }
    const array = definition.entries.get("array");
    this.#definitions.push({
      name,
      code,
      space: this.#text(definition, "space")?.value ?? "dhcp4",
      type: keaType(
        this.#text(definition, "type")?.value ?? "",
        this.#text(definition, "record-types")?.value ?? "",
        array?.kind === "boolean" && array.value,
      ),
      encapsulate: this.#text(definition, "encapsulate")?.value ?? "",
    });
  }

  #definition(space: string, key: string | number): Definition | undefined {
    const own = this.#definitions.find((one) => one.space === space && (one.name === key || one.code === key));
    return own ?? knownDefinition(space, key);
  }

  // --- levels ---

  #scope(map: JsonMap, scope: DraftScope): void {
    const valid = this.#lifetime(map, "valid-lifetime");
    if (valid !== undefined) this.#lifetimes(scope, valid);
    const min = this.#lifetime(map, "min-valid-lifetime");
    const max = this.#lifetime(map, "max-valid-lifetime");
    if (min !== undefined || max !== undefined) {
      // Kea takes a missing one for the one that is given.
      const lease = valid ?? min ?? max;
      if (lease !== undefined) {
        Object.assign(scope, { leaseTime: lease, minLeaseTime: min ?? lease, maxLeaseTime: max ?? lease });
      }
    }
    this.#timers(map, scope);
    const nextServer = this.#text(map, "next-server");
    const address = nextServer && parseIpv4(nextServer.value);
    if (nextServer !== undefined && address !== undefined && address !== 0) {
      scope.nextServer = { value: address, place: nextServer.place };
    }
    const serverName = this.#text(map, "server-hostname");
    if (serverName !== undefined && serverName.value !== "") scope.serverName = serverName;
    const bootFile = this.#text(map, "boot-file-name");
    if (bootFile !== undefined && bootFile.value !== "") scope.bootFile = bootFile;
    this.#optionData(this.#list(map, "option-data"), scope);
  }

  #lifetimes(scope: DraftScope, valid: NonNullable<DraftScope["leaseTime"]>): void {
    // A client's wish counts only within bounds that Kea is given.
    Object.assign(scope, { leaseTime: valid, minLeaseTime: valid, maxLeaseTime: valid });
  }

  #timers(map: JsonMap, scope: DraftScope): void {
    const renew = this.#number(map, "renew-timer");
    const rebind = this.#number(map, "rebind-timer");
    if (renew !== undefined && renew.value > 0) scope.renewTime = renew;
    if (rebind !== undefined && rebind.value > 0) scope.rebindTime = rebind;
    const calculate = map.entries.get("calculate-tee-times");
    if (calculate?.kind !== "boolean" || !calculate.value || scope.leaseTime === undefined) return;
    const part = (key: string) => {
      const node = map.entries.get(key);
      return node?.kind === "number" && node.value > 0 && node.value < 1 ? node : undefined;
    };
    for (const [key, time] of [["t1-percent", "renewTime"], ["t2-percent", "rebindTime"]] as const) {
      const node = part(key);
      if (node === undefined || scope[time] !== undefined) continue;
      scope[time] = { value: Math.floor(scope.leaseTime.value * node.value), place: this.#place(node) };
    }
  }

  #optionData(nodes: readonly JsonNode[], scope: DraftScope): void {
    /** Sub-options by space, and where the first of them stands. */
    const spaces = new Map<string, { readonly place: Place; readonly options: Map<number, Uint8Array> }>();
    const encapsulating: { definition: Definition; bytes: Uint8Array; node: JsonNode }[] = [];
    for (const node of nodes) {
      const data = this.#map(node, "option-data");
      const encoded = data && this.#encode(data);
      if (encoded === undefined) continue;
      const { definition, bytes } = encoded;
      const place = this.#place(node);
      if (definition.space !== "dhcp4") {
        const space = spaces.get(definition.space) ?? { place, options: new Map() };
        spaces.set(definition.space, space);
        space.options.set(definition.code, bytes);
      } else if (definition.code === VIVSO && bytes.length === 4) {
        // Nothing by itself: its sub-options stand in the space of the enterprise.
      } else if (definition.encapsulate !== "") encapsulating.push({ definition, bytes, node });
      else this.#setOption(scope, definition.code, bytes, place, show("option-data", node));
    }
    for (const { definition, bytes, node } of encapsulating) {
      const space = spaces.get(definition.encapsulate);
      spaces.delete(definition.encapsulate);
      const whole = Uint8Array.from([...bytes, ...encapsulateOptions(space?.options ?? new Map())]);
      this.#setOption(scope, definition.code, whole, this.#place(node), show("option-data", node));
    }
    for (const [name, { place, options }] of spaces) {
      const enterprise = /^vendor-(\d+)$/.exec(name)?.[1];
      if (name === "vendor-encapsulated-options-space") {
        this.#setOption(scope, 43, encapsulateOptions(options), place, `options of the space ${name}`);
      } else if (enterprise !== undefined) {
        this.#setOption(scope, 125, vendorOptions(Number(enterprise), options), place, `options of the space ${name}`);
      } else {
        const advice = "no option of this level encapsulates this space; write the whole option in hexadecimal";
        this.#findings.lost(place, `options of the space ${name}`, advice);
      }
    }
  }

  #encode(data: JsonMap): { definition: Definition; bytes: Uint8Array } | undefined {
    const place = this.#place(data);
    const statement = show("option-data", data);
    const space = this.#text(data, "space")?.value ?? "dhcp4";
    const name = this.#text(data, "name")?.value;
    const code = this.#number(data, "code")?.value;
    const definition = (code === undefined ? undefined : this.#definition(space, code)) ??
      (name === undefined ? undefined : this.#definition(space, name)) ??
      (code === undefined ? undefined : { name: String(code), code, space, type: undefined, encapsulate: "" });
    if (definition === undefined) {
      this.#findings.lost(place, statement, "its name is unknown; write its code and its octets in hexadecimal");
      return undefined;
    }
    if (this.#flag(data, "never-send") === true) {
      this.#findings.lost(place, statement, "an option can't be forbidden here; leave it out of the levels around");
      return undefined;
    }
    if (this.#flag(data, "always-send") === true) {
      const advice = "always-send has no counterpart: clients get the options that they ask for, " +
        "and all of them when they ask for none in particular";
      this.#findings.changed(place, statement, advice);
    }
    const classes = data.entries.get("client-classes");
    if (classes?.kind === "list" && classes.items.length > 0) {
      this.#findings.lost(place, statement, "an option for some classes only belongs into these classes here");
      return undefined;
    }
    const csv = this.#flag(data, "csv-format") ?? definition.type !== undefined;
    const text = this.#text(data, "data")?.value ?? "";
    if (text === "") return { definition, bytes: new Uint8Array() };
    const encoded = encodeData(text, csv, definition.type);
    if (encoded.ok) return { definition, bytes: encoded.bytes };
    this.#findings.lost(place, statement, `its value ${encoded.problem}`);
    return undefined;
  }

  #setOption(scope: DraftScope, code: number, bytes: Uint8Array, place: Place, statement: string): void {
    setOption(scope, code, bytes, { place, statement, findings: this.#findings });
  }

  // --- networks ---

  #sharedNetwork(node: JsonNode): void {
    const network = this.#map(node, "shared-networks");
    if (network === undefined) return;
    const scope = emptyScope();
    this.#scope(network, scope);
    const subnets = this.#list(network, "subnet4");
    for (const subnet of subnets) this.#subnet(subnet, scope);
    this.#tellAuthoritative(network);
    if (subnets.length > 1) this.#tellSharedNetwork(network, subnets.length);
    this.#others(network, [...SCOPE_KEYS, "name", "subnet4", "authoritative", "relay"]);
  }

  /** Whether an address is refused is one decision for all here. */
  #tellAuthoritative(map: JsonMap): void {
    const node = map.entries.get("authoritative");
    if (node?.kind !== "boolean" || node.value === this.#draft.authoritative?.value) return;
    this.#findings.lost(this.#place(node), show("authoritative", node), "here it is said once, for all subnets");
  }

  #tellSharedNetwork(network: JsonMap, count: number): void {
    const name = this.#text(network, "name")?.value ?? "";
    const advice =
      `its ${count} subnets stand side by side here: a client gets an address from the subnet that its relay's ` +
      "address lies in, and not from the others when that one is full; make one subnet with a shorter prefix of them, or enlarge the pools";
    this.#findings.changed(this.#place(network), `shared network "${name}"`, advice);
  }

  #subnet(node: JsonNode, around: DraftScope): void {
    const map = this.#map(node, "subnet4");
    if (map === undefined) return;
    const given = this.#text(map, "subnet");
    const prefix = given && networkOf(given.value);
    if (prefix === undefined) {
      return this.#findings.lost(this.#place(node), show("subnet4", node), "it has no network (address/length)");
    }
    const subnet: DraftSubnet = { ...emptyScope(), place: this.#place(node), prefix, pools: [], reservations: [] };
    this.#scope(map, subnet);
    inherit(subnet, around);
    this.#draft.subnets.push(subnet);
    for (const pool of this.#list(map, "pools")) this.#pool(pool, subnet);
    for (const reservation of this.#list(map, "reservations")) this.#reservation(reservation, subnet);
    this.#relay(map, prefix);
    this.#tellAuthoritative(map);
    this.#others(map, [
      ...[...SCOPE_KEYS, "subnet", "id", "pools", "reservations", "relay", "authoritative"],
    ]);
  }

  #relay(map: JsonMap, prefix: Prefix): void {
    const relay = map.entries.get("relay");
    if (relay?.kind !== "map") return;
    const single = relay.entries.get("ip-address");
    const nodes = [...single === undefined ? [] : [single], ...this.#list(relay, "ip-addresses")];
    for (const node of nodes) {
      const address = node.kind === "text" ? parseIpv4(node.value) : undefined;
      if (address === undefined || address === 0 || prefixContains(prefix, address)) continue;
      const advice =
        `a relay's subnet is the one its address lies in; give the relay ${formatIpv4(address)} an address in ` +
        "this subnet, or let it send link selection (RFC 3527)";
      this.#findings.lost(this.#place(node), show("relay", relay), advice);
    }
  }

  #pool(node: JsonNode, subnet: DraftSubnet): void {
    const map = this.#map(node, "pools");
    const given = map && this.#text(map, "pool");
    const range = given && poolRange(given.value);
    if (map === undefined || range === undefined) {
      return this.#findings.lost(this.#place(node), show("pools", node), "its range can't be read");
    }
    const pool = { ...emptyScope(), range, place: this.#place(node) };
    this.#optionData(this.#list(map, "option-data"), pool);
    subnet.pools.push(pool);
    this.#others(map, ["pool", "option-data", "pool-id"]);
  }

  #reservation(node: JsonNode, within: DraftSubnet | undefined): void {
    const map = this.#map(node, "reservations");
    if (map === undefined) return;
    const place = this.#place(node);
    const refuse = (advice: string) => this.#findings.lost(place, show("reservation", node), advice);
    const given = this.#text(map, "ip-address");
    const address = given && parseIpv4(given.value);
    if (address === undefined || address === 0) {
      return refuse("it reserves no address; give it one, as options for one client hang on its address here");
    }
    const subnet = this.#draft.subnets.find(({ prefix }) => prefixContains(prefix, address));
    if (subnet === undefined) return refuse("its address lies in none of the subnets; add the subnet");
    if (within !== undefined && subnet !== within) {
      this.#findings.changed(place, show("reservation", node), "moved to the subnet that its address lies in");
    }
    const hardware = this.#text(map, "hw-address");
    const clientId = this.#text(map, "client-id");
    const identity = identityOf(hardware?.value, clientId?.value);
    if (identity === undefined) {
      const kind = ["duid", "circuit-id", "flex-id"].find((key) => map.entries.has(key));
      return refuse(
        kind === undefined
          ? "its client is not given by a hardware address of 6 octets or a client identifier"
          : `clients can't be known by ${kind} here; reserve by hardware address or client identifier`,
      );
    }
    const reservation: DraftReservation = { ...emptyScope(), ...identity, address, place };
    this.#scope(map, reservation);
    const hostname = hostnameOf(this.#text(map, "hostname")?.value ?? "").replace(/\.$/, "");
    if (hostname !== "") reservation.hostname = hostname;
    subnet.reservations.push(reservation);
    this.#others(map, [
      ...[...SCOPE_KEYS, "ip-address", "hw-address", "client-id", "hostname"],
    ]);
  }

  // --- classes ---

  #class(node: JsonNode): DraftClass[] {
    const map = this.#map(node, "client-classes");
    if (map === undefined) return [];
    const place = this.#place(node);
    const name = this.#text(map, "name")?.value ?? "class";
    const refuse = (advice: string) => {
      this.#findings.lost(place, `class ${name}`, advice);
      return [];
    };
    const scope = emptyScope();
    this.#scope(map, scope);
    const definitions = this.#list(map, "option-def");
    for (const definition of definitions) this.#define(definition);
    const test = this.#text(map, "test") ?? vendorClassTest(name, place);
    if (test === undefined) return refuse("it has no test of its own, so nothing here would put clients into it");
    if (saysNothing(scope)) {
      return refuse(
        "it only marks clients, to choose subnets, pools or other classes by, which has no counterpart here",
      );
    }
    const read = readTest(test.value);
    if (!read.ok) return refuse(`its test has no counterpart here: ${read.reason}`);
    const found = matchesOf(read.condition);
    if (!found.ok) return refuse(`its test has no counterpart here: ${found.reason}`);
    for (const remark of found.remarks) this.#findings.changed(test.place, `class ${name}: ${test.value}`, remark);
    if (this.#flag(map, "only-if-required") === true || this.#flag(map, "only-in-additional-list") === true) {
      this.#findings.changed(place, `class ${name}`, "here it applies to all clients that match");
    }
    this.#others(map, [
      ...[...SCOPE_KEYS, "name", "test", "option-def", "only-if-required", "only-in-additional-list"],
    ]);
    return found.matches.map((match) => ({ ...scope, name: name.slice(0, 60), place: test.place, match }));
  }

  // --- values ---

  #others(map: JsonMap, handled: readonly string[]): void {
    const known = new Set([...handled, "comment", "user-context"]);
    for (const [key, node] of map.entries) {
      if (known.has(key)) continue;
      const empty = (node.kind === "list" && node.items.length === 0) || (node.kind === "text" && node.value === "");
      if (empty || node.kind === "null") continue;
      const { kind, advice } = adviceFor(key, node.kind === "boolean" ? node.value : undefined);
      this.#findings[kind](this.#place(node), show(key, node), advice);
    }
  }

  #place(node: JsonNode): Place {
    return { file: this.#file, line: node.line };
  }

  #map(node: JsonNode, name: string): JsonMap | undefined {
    if (node.kind === "map") return node;
    this.#findings.lost(this.#place(node), show(name, node), "a map { … } belongs here");
    return undefined;
  }

  #list(map: JsonMap, key: string): readonly JsonNode[] {
    const node = map.entries.get(key);
    if (node === undefined || node.kind === "null") return [];
    if (node.kind === "list") return node.items;
    this.#findings.lost(this.#place(node), show(key, node), "a list [ … ] belongs here");
    return [];
  }

  #text(map: JsonMap, key: string): { readonly value: string; readonly place: Place } | undefined {
    const node = map.entries.get(key);
    return node?.kind === "text" ? { value: node.value, place: this.#place(node) } : undefined;
  }

  #number(map: JsonMap, key: string): { readonly value: number; readonly place: Place } | undefined {
    const node = map.entries.get(key);
    if (node?.kind !== "number" || !Number.isInteger(node.value) || node.value < 0 || node.value > 0xffffffff) {
      return undefined;
    }
    return { value: node.value, place: this.#place(node) };
  }

  #lifetime(map: JsonMap, key: string): { readonly value: number; readonly place: Place } | undefined {
    const found = this.#number(map, key);
    return found === undefined || found.value === 0 ? undefined : found;
  }

  #flag(map: JsonMap, key: string): boolean | undefined {
    const node = map.entries.get(key);
    return node?.kind === "boolean" ? node.value : undefined;
  }
}

/** Kea puts every client into a class that its vendor class names, whether there is a test or not. */
function vendorClassTest(name: string, place: Place): { readonly value: string; readonly place: Place } | undefined {
  const vendorClass = /^VENDOR_CLASS_([^']+)$/.exec(name)?.[1];
  return vendorClass === undefined ? undefined : { value: `option[60].text == '${vendorClass}'`, place };
}

function networkOf(text: string): Prefix | undefined {
  const [head = "", tail = ""] = text.split("/");
  const address = parseIpv4(head.trim());
  const length = /^\d{1,2}$/.test(tail.trim()) ? Number(tail) : NaN;
  return address !== undefined && length <= 32 ? prefixOf(address, length) : undefined;
}

function poolRange(text: string): Range | undefined {
  const prefix = parsePrefix(text.replaceAll(/\s/g, ""));
  return prefix === undefined ? parseRange(text) : prefixRange(prefix);
}

const ETHERNET_OCTETS = 6;

function identityOf(
  hardware: string | undefined,
  clientId: string | undefined,
): { readonly hardware: Uint8Array } | { readonly clientId: Uint8Array } | undefined {
  const octets = hardware === undefined ? undefined : fromHex(hardware);
  if (octets?.length === ETHERNET_OCTETS) return { hardware: octets };
  if (clientId === undefined) return undefined;
  const quoted = /^'(.*)'$/.exec(clientId);
  const bytes = quoted === null ? fromHex(clientId) : latin1Bytes(quoted[1] as string);
  return bytes === undefined || bytes.length === 0 || bytes.length > 255 ? undefined : { clientId: bytes };
}

/** A key with its value, as findings quote it. */
function show(key: string, node: JsonNode): string {
  return `"${key}": ${brief(node, 3)}`;
}

function brief(node: JsonNode, depth: number): string {
  switch (node.kind) {
    case "map": {
      if (depth === 0) return "{ ... }";
      const entries = [...node.entries].slice(0, 6).map(([key, value]) => `"${key}": ${brief(value, depth - 1)}`);
      return `{ ${entries.join(", ")} }`;
    }
    case "list":
      return depth === 0 ? "[ ... ]" : `[ ${node.items.slice(0, 4).map((item) => brief(item, depth - 1)).join(", ")} ]`;
    case "null":
      return "null";
    default:
      return JSON.stringify(node.value);
  }
}
