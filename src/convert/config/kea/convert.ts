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
import { prefixRange, type Range, rangeContains } from "../../../net/ipv4.ts";
import { hostnameOf, latin1Bytes } from "../../leases/lease.ts";
import {
  type Draft,
  type DraftPool,
  type DraftReservation,
  type DraftSettings,
  type DraftSubnet,
  emptyDraft,
  emptySettings,
  inherit,
  say,
} from "../draft.ts";
import { type Access, isCarried, narrower, OPEN } from "../access.ts";
import type { Findings } from "../findings.ts";
import { Rules } from "../rules.ts";
import { adviceFor } from "./advice.ts";
import { Classes } from "./classes.ts";
import type { JsonNode } from "./json.ts";
import { type JsonMap, Nodes, show } from "./nodes.ts";
import { OptionData } from "./option_data.ts";

/** Kea's own defaults, in seconds (`SimpleParser4::GLOBAL4_DEFAULTS`). */
const DEFAULTS = { validLifetime: 7200, declineProbation: 86_400 };

/** Converts the file's outermost value. */
export function convertKea(root: JsonNode, file: string, findings: Findings): Draft {
  return new KeaConverter(file, findings).run(root);
}

/** Which reservations Kea looks at in a subnet. */
interface Looked {
  readonly global: boolean;
  readonly inSubnet: boolean;
}

/** `calculate-tee-times` and its parts. */
interface Tee {
  readonly calculate: boolean;
  readonly t1: JsonNode | undefined;
  readonly t2: JsonNode | undefined;
}

/** What a subnet has of the levels around it. */
interface Around {
  readonly tee: Tee;
  readonly settings: DraftSettings;
  readonly access: Access;
  readonly looked: Looked;
  readonly clientIdentity: DraftSubnet["clientIdentity"];
}

/** Keys that every level reads by itself. */
const SCOPE_KEYS = [
  ...["valid-lifetime", "min-valid-lifetime", "max-valid-lifetime", "renew-timer", "rebind-timer"],
  ...["calculate-tee-times", "t1-percent", "t2-percent"],
  ...["next-server", "server-hostname", "boot-file-name", "option-data"],
  ...["reservation-mode", "reservations-global", "reservations-in-subnet", "match-client-id"],
  ...["require-client-classes", "evaluate-additional-classes"],
];

/** The kinds of clients' names in a reservation, in Kea's order. */
const IDENTIFIERS = ["hw-address", "duid", "circuit-id", "client-id"];

class KeaConverter {
  readonly #findings: Findings;
  readonly #nodes: Nodes;
  readonly #options: OptionData;
  readonly #draft = emptyDraft();
  readonly #classes: Classes;
  readonly #looked = new Map<DraftSubnet, Looked>();
  /** Pools that are left out; reserved addresses in them still have what they say. */
  readonly #closed: DraftPool[] = [];
  #identifiers: readonly string[] = IDENTIFIERS;
  #updatesDns = false;

  constructor(file: string, findings: Findings) {
    this.#findings = findings;
    this.#nodes = new Nodes(file, findings);
    this.#options = new OptionData(this.#nodes, findings);
    this.#classes = new Classes(this.#nodes, findings, {
      settings: (map, settings) => this.#readSettings(map, settings, "class"),
      others: (map, handled) => this.#others(map, [...SCOPE_KEYS, ...handled]),
    });
  }

  run(root: JsonNode): Draft {
    const outer = this.#nodes.map(root, "the file");
    for (const [key, node] of outer?.entries ?? []) {
      if (key === "Dhcp4") continue;
      const advice = key === "Dhcp6" ? "DHCPv6 is not served; keep Kea for it" : "it configures another program";
      this.#findings.needless(this.#nodes.place(node), show(key, node), advice);
    }
    const dhcp4 = outer?.entries.get("Dhcp4");
    const service = dhcp4 && this.#nodes.map(dhcp4, "Dhcp4");
    if (service === undefined) {
      this.#findings.lost(
        this.#nodes.place(root),
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
    const ddns = service.entries.get("dhcp-ddns");
    this.#updatesDns = ddns?.kind === "map" && this.#nodes.flag(ddns, "enable-updates") === true;
    for (const node of this.#nodes.list(service, "option-def")) this.#options.define(node);
    this.#readSettings(service, draft);
    const place = this.#nodes.place(service);
    if (draft.leaseTime === undefined) {
      this.#lifetimes(draft, { value: DEFAULTS.validLifetime, place: { ...place, line: 0 }, remark: "Kea's default" });
    }
    const authoritative = service.entries.get("authoritative");
    draft.authoritative = authoritative?.kind === "boolean"
      ? { value: authoritative.value, place: this.#nodes.place(authoritative) }
      : {
        value: false,
        place: { ...place, line: 0 },
        remark: "Kea's default; true is better where no other server answers",
      };
    const decline = this.#nodes.number(service, "decline-probation-period");
    draft.declineTime = decline !== undefined && decline.value > 0
      ? decline
      : { value: DEFAULTS.declineProbation, place: { ...place, line: 0 }, remark: "Kea's default" };
    const given = this.#nodes.list(service, "host-reservation-identifiers")
      .flatMap((node) => node.kind === "text" ? [node.value] : []);
    if (given.length > 0) this.#identifiers = given;
    const clientIdentity = this.#clientIdentity(service);
    if (clientIdentity !== undefined) draft.clientIdentity = clientIdentity;
    const tee = this.#teeOf(service, { calculate: false, t1: undefined, t2: undefined });
    if (tee.calculate) this.#calculate(draft, tee, draft.leaseTime?.value);
    const around: Around = {
      tee,
      settings: emptySettings(),
      access: OPEN,
      looked: this.#lookedAt(service, { global: false, inSubnet: true }),
      clientIdentity: undefined,
    };
    this.#classes.declare(this.#nodes.list(service, "client-classes"));
    for (const node of this.#nodes.list(service, "shared-networks")) this.#sharedNetwork(node, around);
    for (const node of this.#nodes.list(service, "subnet4")) this.#subnet(node, around);
    for (const node of this.#nodes.list(service, "reservations")) this.#globalReservation(node);
    const rules = new Rules(this.#findings);
    this.#classes.finish(rules, draft);
    rules.lower(draft);
    this.#others(service, [
      ...[...SCOPE_KEYS, "option-def", "authoritative", "decline-probation-period", "shared-networks", "subnet4"],
      ...["client-classes", "reservations", "host-reservation-identifiers"],
    ]);
  }

  #lookedAt(map: JsonMap, around: Looked): Looked {
    const mode = this.#nodes.text(map, "reservation-mode")?.value;
    const byMode = mode === undefined ? around : {
      global: mode === "global",
      inSubnet: mode === "all" || mode === "out-of-pool",
    };
    return {
      global: this.#nodes.flag(map, "reservations-global") ?? byMode.global,
      inSubnet: this.#nodes.flag(map, "reservations-in-subnet") ?? byMode.inSubnet,
    };
  }

  #clientIdentity(map: JsonMap): DraftSubnet["clientIdentity"] {
    const node = map.entries.get("match-client-id");
    if (node?.kind !== "boolean") return undefined;
    return { value: node.value ? "clientId" : "hardware", place: this.#nodes.place(node) };
  }

  // --- levels ---

  /** The address 0 means none at the levels of networks; elsewhere it says nothing. A class may define options. */
  #readSettings(map: JsonMap, settings: DraftSettings, of: "network" | "class" | "reservation" = "network"): void {
    const valid = this.#nodes.lifetime(map, "valid-lifetime");
    if (valid !== undefined) this.#lifetimes(settings, valid);
    const min = this.#nodes.lifetime(map, "min-valid-lifetime");
    const max = this.#nodes.lifetime(map, "max-valid-lifetime");
    if (min !== undefined || max !== undefined) {
      // Kea uses the given one for the missing one.
      const lease = valid ?? min ?? max;
      if (lease !== undefined) {
        Object.assign(settings, { leaseTime: lease, minLeaseTime: min ?? lease, maxLeaseTime: max ?? lease });
      }
    }
    this.#timers(map, settings);
    const nextServer = this.#nodes.text(map, "next-server");
    const address = nextServer && parseIpv4(nextServer.value);
    if (nextServer !== undefined && address !== undefined && (address !== 0 || of === "network")) {
      say(settings, "nextServer", address === 0 ? null : { value: address, place: nextServer.place });
    }
    const serverName = this.#nodes.text(map, "server-hostname");
    if (serverName !== undefined && serverName.value !== "") settings.serverName = serverName;
    const bootFile = this.#nodes.text(map, "boot-file-name");
    if (bootFile !== undefined && bootFile.value !== "") settings.bootFile = bootFile;
    const definitions = of === "class" ? this.#nodes.list(map, "option-def") : [];
    this.#options.read(this.#nodes.list(map, "option-data"), settings, definitions);
  }

  #lifetimes(settings: DraftSettings, valid: NonNullable<DraftSettings["leaseTime"]>): void {
    // Kea grants a requested time only within configured bounds.
    Object.assign(settings, { leaseTime: valid, minLeaseTime: valid, maxLeaseTime: valid });
  }

  #timers(map: JsonMap, settings: DraftSettings): void {
    const renew = this.#nodes.number(map, "renew-timer");
    const rebind = this.#nodes.number(map, "rebind-timer");
    if (renew !== undefined && renew.value > 0) settings.renewTime = renew;
    if (rebind !== undefined && rebind.value > 0) settings.rebindTime = rebind;
  }

  /** T1 and T2 are parts of the lease time where `calculate-tee-times` says so and no timer is given. */
  #calculate(settings: DraftSettings, tee: Tee, lease: number | undefined): void {
    for (const [node, time] of [[tee.t1, "renewTime"], [tee.t2, "rebindTime"]] as const) {
      if (settings[time] !== undefined) continue;
      if (!tee.calculate) say(settings, time, null);
      else if (node?.kind === "number" && node.value > 0 && node.value < 1 && lease !== undefined) {
        settings[time] = { value: Math.floor(lease * node.value), place: this.#nodes.place(node) };
      }
    }
  }

  #teeOf(map: JsonMap, around: Tee): Tee {
    return {
      calculate: this.#nodes.flag(map, "calculate-tee-times") ?? around.calculate,
      t1: map.entries.get("t1-percent") ?? around.t1,
      t2: map.entries.get("t2-percent") ?? around.t2,
    };
  }

  // --- networks ---

  #sharedNetwork(node: JsonNode, outer: Around): void {
    const network = this.#nodes.map(node, "shared-networks");
    if (network === undefined) return;
    const around = this.#around(network, outer);
    this.#readSettings(network, around.settings);
    const subnets = this.#nodes.list(network, "subnet4");
    this.#classes.requireFor(network, subnets.length);
    for (const subnet of subnets) this.#subnet(subnet, around);
    this.#tellAuthoritative(network);
    if (subnets.length > 1) this.#tellSharedNetwork(network, subnets.length);
    this.#others(network, [...SCOPE_KEYS, "name", "subnet4", "authoritative", "relay", ...CLASS_KEYS]);
  }

  #around(map: JsonMap, outer: Around): Around {
    return {
      tee: this.#teeOf(map, outer.tee),
      settings: emptySettings(),
      access: narrower(outer.access, accessOf(map)),
      looked: this.#lookedAt(map, outer.looked),
      clientIdentity: this.#clientIdentity(map) ?? outer.clientIdentity,
    };
  }

  /** `authoritative` holds for the whole service here. */
  #tellAuthoritative(map: JsonMap): void {
    const node = map.entries.get("authoritative");
    if (node?.kind !== "boolean" || node.value === this.#draft.authoritative?.value) return;
    this.#findings.lost(this.#nodes.place(node), show("authoritative", node), "here it is said once, for all subnets");
  }

  #tellSharedNetwork(network: JsonMap, count: number): void {
    const name = this.#nodes.text(network, "name")?.value ?? "";
    const advice =
      `its ${count} subnets stand side by side here: a client gets an address from the subnet that its relay's ` +
      "address lies in, and not from the others when that one is full; make one subnet with a shorter prefix " +
      "of them, " +
      "or enlarge the pools";
    this.#findings.changed(this.#nodes.place(network), `shared network "${name}"`, advice);
  }

  #subnet(node: JsonNode, outer: Around): void {
    const map = this.#nodes.map(node, "subnet4");
    if (map === undefined) return;
    const given = this.#nodes.text(map, "subnet");
    const prefix = given && networkOf(given.value);
    if (prefix === undefined) {
      return this.#findings.lost(this.#nodes.place(node), show("subnet4", node), "it has no network (address/length)");
    }
    const subnet: DraftSubnet = {
      ...emptySettings(),
      place: this.#nodes.place(node),
      prefix,
      pools: [],
      reservations: [],
    };
    this.#readSettings(map, subnet);
    inherit(subnet, outer.settings);
    const { access, looked, clientIdentity, tee } = this.#around(map, outer);
    if (tee.calculate || outer.tee.calculate) {
      this.#calculate(subnet, tee, subnet.leaseTime?.value ?? this.#draft.leaseTime?.value);
    }
    if (clientIdentity !== undefined) subnet.clientIdentity = clientIdentity;
    this.#draft.subnets.push(subnet);
    this.#looked.set(subnet, looked);
    this.#classes.requireFor(map, 1);
    for (const pool of this.#nodes.list(map, "pools")) this.#pool(pool, subnet, access);
    for (const reservation of this.#nodes.list(map, "reservations")) {
      const place = this.#nodes.place(reservation);
      const statement = show("reservation", reservation);
      if (!looked.inSubnet) {
        this.#findings.needless(place, statement, "Kea does not look at it: reservations-in-subnet is false here");
      } else if (isCarried(access, { place, statement, findings: this.#findings })) {
        this.#reservation(reservation, subnet);
      }
    }
    this.#relay(map, prefix);
    this.#tellAuthoritative(map);
    this.#others(map, [
      ...[...SCOPE_KEYS, "subnet", "id", "pools", "reservations", "relay", "authoritative", ...CLASS_KEYS],
    ]);
  }

  #relay(map: JsonMap, prefix: Prefix): void {
    const relay = map.entries.get("relay");
    if (relay?.kind !== "map") return;
    const single = relay.entries.get("ip-address");
    const nodes = [...single === undefined ? [] : [single], ...this.#nodes.list(relay, "ip-addresses")];
    for (const node of nodes) {
      const address = node.kind === "text" ? parseIpv4(node.value) : undefined;
      if (address === undefined || address === 0 || prefixContains(prefix, address)) continue;
      const advice =
        `a relay's subnet is the one its address lies in; give the relay ${formatIpv4(address)} an address in ` +
        "this subnet, or let it send link selection (RFC 3527)";
      this.#findings.lost(this.#nodes.place(node), show("relay", relay), advice);
    }
  }

  #pool(node: JsonNode, subnet: DraftSubnet, around: Access): void {
    const map = this.#nodes.map(node, "pools");
    const given = map && this.#nodes.text(map, "pool");
    const range = given && poolRange(given.value);
    if (map === undefined || range === undefined) {
      return this.#findings.lost(this.#nodes.place(node), show("pools", node), "its range can't be read");
    }
    const place = this.#nodes.place(node);
    const from = { place, statement: show("pools", node), findings: this.#findings };
    const pool = { ...emptySettings(), range, place };
    this.#options.read(this.#nodes.list(map, "option-data"), pool);
    if (isCarried(narrower(around, accessOf(map)), from)) subnet.pools.push(pool);
    else this.#closed.push(pool);
    this.#classes.requireFor(map, 0);
    this.#others(map, [
      ...["pool", "option-data", "pool-id", "require-client-classes", "evaluate-additional-classes", ...CLASS_KEYS],
    ]);
  }

  /** Kea looks at the reservations of the service where `reservations-global` says so. */
  #globalReservation(node: JsonNode): void {
    const map = this.#nodes.map(node, "reservations");
    const given = map && this.#nodes.text(map, "ip-address");
    const address = given && parseIpv4(given.value);
    const subnet = address === undefined
      ? undefined
      : this.#draft.subnets.find(({ prefix }) => prefixContains(prefix, address));
    const looked = subnet === undefined
      ? [...this.#looked.values()].some(({ global }) => global)
      : this.#looked.get(subnet)?.global;
    if (looked === true) return this.#reservation(node, undefined);
    const advice = "Kea does not look at it: reservations-global is false for its subnet";
    this.#findings.needless(this.#nodes.place(node), show("reservation", node), advice);
  }

  #reservation(node: JsonNode, within: DraftSubnet | undefined): void {
    const map = this.#nodes.map(node, "reservations");
    if (map === undefined) return;
    const place = this.#nodes.place(node);
    const refuse = (advice: string) => this.#findings.lost(place, show("reservation", node), advice);
    const given = this.#nodes.text(map, "ip-address");
    const address = given && parseIpv4(given.value);
    if (address === undefined || address === 0) {
      return refuse("it reserves no address; give it one, as options for one client hang on its address here");
    }
    const subnet = this.#draft.subnets.find(({ prefix }) => prefixContains(prefix, address));
    if (subnet === undefined) return refuse("its address lies in none of the subnets; add the subnet");
    if (within !== undefined && subnet !== within) {
      this.#findings.changed(place, show("reservation", node), "moved to the subnet that its address lies in");
    }
    const hardware = this.#nodes.text(map, "hw-address");
    const clientId = this.#nodes.text(map, "client-id");
    const identity = identityOf(hardware?.value, clientId?.value);
    const named = ["hw-address", "client-id", "duid", "circuit-id", "flex-id"].find((key) => map.entries.has(key));
    if (named !== undefined && !this.#identifiers.includes(named)) {
      const advice = `Kea does not look at it: host-reservation-identifiers does not have "${named}"`;
      return this.#findings.needless(place, show("reservation", node), advice);
    }
    if (identity === undefined) {
      const kind = ["duid", "circuit-id", "flex-id"].find((key) => map.entries.has(key));
      return refuse(
        kind === undefined
          ? "its client is not given by a hardware address of 6 octets or a client identifier"
          : `clients can't be known by ${kind} here; reserve by hardware address or client identifier`,
      );
    }
    const reservation: DraftReservation = { ...emptySettings(), ...identity, address, place };
    this.#readSettings(map, reservation, "reservation");
    const hostname = hostnameOf(this.#nodes.text(map, "hostname")?.value ?? "").replace(/\.$/, "");
    if (hostname !== "") reservation.hostname = hostname;
    const pool = [...subnet.pools, ...this.#closed].find(({ range }) => rangeContains(range, address));
    this.#classes.giveTo(reservation, map, [subnet, ...pool === undefined ? [] : [pool]]);
    if (pool !== undefined && this.#closed.includes(pool)) inherit(reservation, pool);
    subnet.reservations.push(reservation);
    this.#others(map, [
      ...[...SCOPE_KEYS, "ip-address", "hw-address", "client-id", "hostname", "client-classes"],
    ]);
  }

  // --- values ---

  #others(map: JsonMap, handled: readonly string[]): void {
    const known = new Set([...handled, "comment", "user-context"]);
    for (const [key, node] of map.entries) {
      if (known.has(key)) continue;
      const isOff = key === "dhcp4o6-port" && node.kind === "number" && node.value === 0;
      const empty = isOff || (node.kind === "list" && node.items.length === 0) ||
        (node.kind === "text" && node.value === "");
      if (empty || node.kind === "null") continue;
      const { kind, advice } = adviceFor(key, node.kind === "boolean" ? node.value : undefined, this.#updatesDns);
      this.#findings[kind](this.#nodes.place(node), show(key, node), advice);
    }
  }
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

const CLASS_KEYS = ["client-class", "client-classes"];

/** Whom the classes of a shared network, subnet or pool let in. */
function accessOf(map: JsonMap): Access {
  const one = map.entries.get("client-class");
  const several = map.entries.get("client-classes");
  const names = [one, ...several?.kind === "list" ? several.items : []]
    .flatMap((node) => node?.kind === "text" && node.value !== "" ? [node.value] : []);
  if (names.length === 0 || names.includes("ALL")) return OPEN;
  return { kind: "some", who: `class ${names.join(", ")}` };
}
