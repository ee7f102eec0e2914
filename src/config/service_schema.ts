/**
 * The `service` section: its keys, their defaults and their documentation. Types are derived, so a new key is one line.
 * How the values of different keys must relate is in `service_check.ts`.
 */

import { z } from "zod";
import { formatSeconds, seconds } from "./duration.ts";
import type { Options } from "../dhcp/message.ts";
import { asMapping } from "./plain.ts";
import {
  type Config,
  type Field,
  flag,
  integer,
  isPlainText,
  list,
  mapping,
  oneOf,
  text,
  withShortcut,
} from "./field.ts";
import {
  hardwareAddress,
  hexBytes,
  hostAddress,
  prefix,
  range,
  readHardware,
  readHexBytes,
  readHostAddress,
  readTextOrHexBytes,
  textOrHexBytes,
} from "./fields.ts";
import { expression } from "./expression.ts";
import { type ConfiguredOptions, OPTION_DEFINITION, optionNames, optionsField, withDefinitions } from "./options.ts";
import { rate } from "./sections.ts";
import { SUBNET_ID_MAX } from "../lease/agreement/client_key.ts";

/** The lease time of a file that gives none: an hour. */
export const LEASE_SECONDS_DEFAULT = 3600;

/** RFC 2132 §9.14: a client identifier is an option, so 255 octets at most, and 2 at least. */
const CLIENT_ID_OCTETS = { octetsMax: 255 };

/** RFC 2132 §3.14: option 12. */
const HOSTNAME_OCTETS_MAX = 255;

/** Fields that are checked against each other. */
export const SUBNET_PREFIX = prefix();
export const POOL_RANGE = range();
export const SUBNET_ID = integer({ min: 1, max: SUBNET_ID_MAX, example: 7 });
const RESERVED_ADDRESS = hostAddress();
const HARDWARE = oneOrMore(hardwareAddress());
const CLIENT_ID = oneOrMore(hexBytes(CLIENT_ID_OCTETS));
/** RFC 3046 §2.0: the length of a sub-option is one octet. */
const AGENT_OCTETS = { octetsMax: 255 };
const CIRCUIT_ID = textOrHexBytes(AGENT_OCTETS);
const REMOTE_ID = textOrHexBytes(AGENT_OCTETS);

/** A value or a list of them, each of which counts. */
function oneOrMore<T>(entry: Field<T>): Field<T[]> {
  return z.preprocess((input) => Array.isArray(input) ? input : [input], list(entry, { min: 1 }))
    .meta({ short: "string" });
}

const LEASE_TIME = seconds({ infinite: true })
  .describe("how long a lease lasts: seconds, or `90s`, `1h30m`, `7d`, `infinite`");

/** What may be set for service, subnet, pool, class and reservation; the most specific one that sets a key wins. */
export const LEASE_SETTINGS = {
  leaseTime: LEASE_TIME.exactOptional(),
  minLeaseTime: seconds()
    .describe("the shortest that a client may ask for; without it and the next, clients get `leaseTime`")
    .exactOptional(),
  maxLeaseTime: seconds({ infinite: true }).describe("the longest that a client may ask for").exactOptional(),
  renewTime: seconds()
    .describe("T1 (RFC 2131 §4.4.5); clients take half of the lease time without it").exactOptional(),
  rebindTime: seconds().describe("T2; clients take seven eighths without it").exactOptional(),
  nextServer: hostAddress().describe("`siaddr`: where the boot file is").exactOptional(),
  // RFC 2131 §2: `sname` and `file` end with a null octet.
  serverName: text({ octetsMax: 63, noun: "a host name", example: "boot.example.net" })
    .describe("`sname`, or option 66 for a client that asks for it").exactOptional(),
  bootFile: text({
    octetsMax: 127,
    noun: "a file name or URL",
    example: "pxelinux.0",
    longer: "set the option bootfile-name",
  }).describe("`file`, or option 67 for a client that asks for it").exactOptional(),
  options: optionsField()
    .describe("options by name ([OPTIONS.md](OPTIONS.md)), or by code with bytes in hexadecimal").prefault({}),
  alwaysSend: optionNames()
    .describe("options that also clients get that do not ask for them; what other levels say counts, too")
    .exactOptional(),
};

/** What the relations of a reservation need of it; a value that is wrong by itself is undefined. */
export function readReserved({ address, hardware, clientId, circuitId, remoteId }: Readonly<Record<string, unknown>>) {
  return {
    address: readText(address, readHostAddress),
    hardware: readItems(hardware, readHardware),
    clientId: readItems(clientId, readClientId),
    circuitId: readText(circuitId, readAgentId),
    remoteId: readText(remoteId, readAgentId),
  };
}

function readClientId(text: string): Uint8Array | undefined {
  return readHexBytes(text, CLIENT_ID_OCTETS);
}

function readAgentId(text: string): Uint8Array | undefined {
  return readTextOrHexBytes(text, AGENT_OCTETS);
}

function readText<T>(input: unknown, read: (text: string) => T | undefined): T | undefined {
  return typeof input === "string" ? read(input) : undefined;
}

function readItems<T>(input: unknown, read: (text: string) => T | undefined): (T | undefined)[] {
  if (Array.isArray(input)) return input.map((item) => readText(item, read));
  return input === undefined ? [] : [readText(input, read)];
}

/** Durations are named by their unit in the program: the file's `leaseTime` is `leaseSeconds`. */
type InSeconds<T> = { [Key in keyof T as Key extends `${infer Name}Time` ? `${Name}Seconds` : Key]: T[Key] };

function inSeconds<T extends object>(input: T): InSeconds<T> {
  const entries = Object.entries(input).map(([key, value]) => [key.replace(/Time$/, "Seconds"), value]);
  return Object.fromEntries(entries) as InSeconds<T>;
}

const CLASS_NAME_OCTETS_MAX = 64;
const CLASS_NAME = text({ octetsMax: CLASS_NAME_OCTETS_MAX, noun: "a name", example: "uefi" });

/** Names of classes, `known` or `unknown`. */
const CLIENT_LIST = z.preprocess(
  (input) => typeof input === "string" ? [input] : input,
  list(text({ octetsMax: CLASS_NAME_OCTETS_MAX, noun: "the name of a class, known or unknown", example: "voice" }), {
    min: 1,
  }),
).meta({ short: "string" });

/** Who may have addresses of a subnet or pool. */
const ACCESS = {
  allow: CLIENT_LIST.describe("only clients of one of these classes get its addresses; `known`: with a reservation")
    .exactOptional(),
  deny: CLIENT_LIST.describe("clients of these classes get none of them, `allow` or not").exactOptional(),
};
/** A level as the program has it: times by their unit, and sub-options beside the options. */
function level<T extends { readonly options: ConfiguredOptions }>(
  { options, ...settings }: T,
): InSeconds<Omit<T, "options">> & ConfiguredOptions {
  return { ...inSeconds(settings), ...options };
}

/** A pool without settings of its own may be written as its range alone. */
const poolSchema = z.preprocess(
  (input) => typeof input === "string" ? { range: input } : input,
  mapping({ range: POOL_RANGE.describe("`first-last`"), ...ACCESS, ...LEASE_SETTINGS }).transform(level),
).meta({ short: "string" });

/** One of `reservations`. */
export const reservationSchema = withShortcut(
  mapping({
    hardware: HARDWARE.describe(
      'the client\'s hardware address, such as `"02:00:00:00:00:01"`; or several, one of which has the address',
    ).exactOptional(),
    clientId: CLIENT_ID.describe('or its client identifier in hexadecimal, such as `"0x00636f6e66"`; or several')
      .exactOptional(),
    circuitId: CIRCUIT_ID.describe(
      "or the circuit id of its place (option 82) as text, or in hexadecimal after `0x`; with a remote id, both count",
    ).exactOptional(),
    remoteId: REMOTE_ID.describe("or the remote id").exactOptional(),
    address: RESERVED_ADDRESS.describe("its address, within the subnet; without it, one of the pools").exactOptional(),
    hostname: text({ octetsMax: HOSTNAME_OCTETS_MAX, noun: "a host name", example: "printer" })
      .describe("the name it is given (option 12)").exactOptional(),
    classes: list(CLASS_NAME).describe("classes that its client is in, whatever it sends").exactOptional(),
    ...LEASE_SETTINGS,
  }).transform(level),
  readPlainReservation,
);

/** A reservation with nothing but its client, its address and a name, each right: as most are. */
function readPlainReservation(input: unknown) {
  const entry = asMapping(input);
  const { hostname } = entry;
  if (!Object.keys(entry).every((key) => PLAIN_KEYS.has(key))) return undefined;
  if ("hostname" in entry && (typeof hostname !== "string" || !isPlainText(hostname, HOSTNAME_OCTETS_MAX))) {
    return undefined;
  }
  const { address, hardware, clientId } = readReserved(entry);
  if (address === undefined || !isComplete(hardware) || !isComplete(clientId)) return undefined;
  if ("hardware" in entry && hardware.length === 0 || "clientId" in entry && clientId.length === 0) return undefined;
  return {
    ...(hardware.length === 0 ? {} : { hardware }),
    ...(clientId.length === 0 ? {} : { clientId }),
    ...(typeof hostname === "string" ? { hostname } : {}),
    address,
    options: NO_OPTIONS,
  };
}

function isComplete<T>(items: (T | undefined)[]): items is T[] {
  return items.every((item) => item !== undefined);
}

const PLAIN_KEYS: ReadonlySet<string> = new Set(["address", "hardware", "clientId", "hostname"]);
const NO_OPTIONS: Options = new Map();

const CIRCUIT_LEASES_MAX = 1_000_000;
const CIRCUIT_LEASES = integer({ min: 1, max: CIRCUIT_LEASES_MAX, example: 4 })
  .describe("the most leases of one circuit (option 82: circuit and remote id) in a subnet, such as of a switch port")
  .exactOptional();

/** What clients are told apart by. */
const CLIENT_IDENTITY = oneOf(["clientId", "hardware"]);

/** Relays, and the circuits behind them, whose clients are on a link. A client is if all that is given matches. */
export const relaySelector = mapping({
  giaddr: hostAddress().describe("the relay's `giaddr`, unless it sends a link selection (RFC 3527)").exactOptional(),
  circuitId: CIRCUIT_ID.describe("the circuit id (RFC 3046), as text or in hexadecimal after `0x`").exactOptional(),
  remoteId: REMOTE_ID.describe("the remote id (RFC 3046) likewise").exactOptional(),
  relayId: textOrHexBytes(AGENT_OCTETS).describe("the relay's identifier (RFC 6925) likewise").exactOptional(),
});

/** What holds for all subnets of a link. */
const NETWORK_SETTINGS = {
  relays: list(relaySelector)
    .describe("relays and circuits whose clients are here, whatever network their `giaddr` lies in").exactOptional(),
  maxLeasesPerCircuit: CIRCUIT_LEASES,
  clientIdentity: CLIENT_IDENTITY.describe("the same for this subnet").exactOptional(),
};

const SUBNET_SETTINGS = {
  subnet: SUBNET_PREFIX.describe("the network, such as `10.77.0.0/16`"),
  id: SUBNET_ID.describe("a number that stays the same when the network changes; without it, the network's address")
    .exactOptional(),
  pools: list(poolSchema)
    .describe("addresses to give away: `first-last`, or a mapping with `range` and what is set for it").prefault([]),
  reservations: list(reservationSchema).describe("what is kept for one client each, such as its address").prefault([]),
  ...ACCESS,
  conflictDetection: flag().describe("the same for this subnet").exactOptional(),
};

function withPrefix<T extends { readonly subnet: unknown; readonly options: ConfiguredOptions }>(
  { subnet, ...settings }: T,
) {
  return { prefix: subnet as T["subnet"], ...level(settings) };
}

/** A subnet that has its link to itself, and one that shares it. */
const subnetSchema = mapping({ ...SUBNET_SETTINGS, ...NETWORK_SETTINGS, ...LEASE_SETTINGS }).transform(withPrefix);
const sharingSchema = mapping({ ...SUBNET_SETTINGS, ...LEASE_SETTINGS }).transform(withPrefix);

export const SHARED_NETWORK_NAME = text({ octetsMax: 64, noun: "a name", example: "campus" });

const sharedNetworkSchema = mapping({
  name: SHARED_NETWORK_NAME.describe("name of the link, for operators"),
  subnets: list(sharingSchema, { min: 1 })
    .describe("its subnets in the order in which their addresses are given away; keys as of `service.subnets`"),
  ...NETWORK_SETTINGS,
  ...LEASE_SETTINGS,
}).transform(level);

/** RFC 4578 §2.1 and the IANA registry: 16 bits; 0 is BIOS, 7 and 9 are UEFI x64, 11 is UEFI ARM64, 16 is HTTP x64. */
const ARCHITECTURE = integer({ min: 0, max: 65535, example: 7 });

/** The condition of a class, which is checked against the others. */
export const CLASS_CONDITION = expression("flag");

/** A client is in a class if all that is given holds. */
const matchSchema = mapping({
  vendorClass: text({ octetsMax: 255, example: "PXEClient" })
    .describe("beginning of the vendor class identifier (option 60)").exactOptional(),
  userClass: text({ octetsMax: 255, example: "iPXE" })
    .describe("a user class (option 77; RFC 3004, or the bare text that iPXE sends)").exactOptional(),
  architecture: z.preprocess(
    (input) => typeof input === "number" ? [input] : input,
    list(ARCHITECTURE, { min: 1 }),
  ).meta({ short: "integer" })
    .describe("client system architecture (option 93), a number or a list of them").exactOptional(),
  expression: CLASS_CONDITION.describe("a condition in CEL, see below; it may also stand for the whole of `match`")
    .exactOptional(),
});

const classSchema = mapping({
  name: CLASS_NAME.describe("name of the class"),
  match: z.preprocess((input) => typeof input === "string" ? { expression: input } : input, matchSchema)
    .meta({ short: "string" }).exactOptional(),
  maxLeasesPerCircuit: CIRCUIT_LEASES,
  ...LEASE_SETTINGS,
}).transform(level);

const PERCENT_MAX = 100;

/**
 * Defaults of `strangers`. Far above what a network of real clients does: a boot storm of ten thousand new devices
 * passes while half of the addresses are free.
 */
export const STRANGERS_DEFAULT = {
  messages: { perSecond: 4_000, burst: 20_000 },
  nearlyFull: 50,
  leases: { perSecond: 10, burst: 200 },
  firstLeaseTime: "5m",
  share: 25,
} as const;

/** What clients without a lease, a record of an ended one or a reservation may take. A link: see `node/README.md`. */
const strangersSchema = mapping({
  messages: rate(STRANGERS_DEFAULT.messages).describe("messages of strangers per link; more are dropped"),
  nearlyFull: integer({ min: 0, max: PERCENT_MAX, example: STRANGERS_DEFAULT.nearlyFull })
    .describe("a subnet is nearly full when this much of its pools is in use, in percent; the next three apply then")
    .prefault(STRANGERS_DEFAULT.nearlyFull),
  leases: rate(STRANGERS_DEFAULT.leases).describe("new leases for strangers per link"),
  firstLeaseTime: seconds().describe("their first lease lasts no longer; renewed, it gets the full time")
    .prefault(STRANGERS_DEFAULT.firstLeaseTime),
  share: integer({ min: 1, max: PERCENT_MAX, example: STRANGERS_DEFAULT.share })
    .describe("the most of a subnet's addresses that unrenewed first leases have while strangers flood it, in percent")
    .prefault(STRANGERS_DEFAULT.share),
}).transform(inSeconds).prefault({});

/** Far below the largest exact integer, so that a next revision always exists. */
const REVISION_MAX = 10 ** 15;

/** The schema of the whole section. */
export const serviceSchema = defining(
  mapping({
    revision: integer({ min: 1, max: REVISION_MAX, example: 1 })
      .describe("number of this configuration: the newest that a majority has is served"),
    ...LEASE_SETTINGS,
    leaseTime: LEASE_TIME.prefault(formatSeconds(LEASE_SECONDS_DEFAULT)),
    declineTime: seconds().describe("how long a declined address rests").prefault("24h"),
    authoritative: flag().describe(
      "answer DHCPNAK to what is wrong for its network (RFC 2131 §4.3.2), and renew leases without a record; " +
        "`false`: stay silent towards clients without a record",
    ).prefault(true),
    rapidCommit: flag().describe("answer a DHCPDISCOVER that asks for it with a DHCPACK (RFC 4039)").prefault(false),
    bootp: flag().describe("answer BOOTP clients for which an address is reserved (RFC 1534); they keep it for good")
      .prefault(false),
    clientIdentity: CLIENT_IDENTITY.describe(
      "`clientId`: a client is its identifier (option 61), else its hardware address; `hardware`: always the latter",
    ).prefault("clientId"),
    conflictDetection: flag().describe(
      "probe free addresses by ARP before they are offered, on links of the nodes and of `dhcpcluster-relay`; one " +
        "that a host uses rests",
    ).prefault(true),
    strangers: strangersSchema,
    maxLeasesPerCircuit: CIRCUIT_LEASES,
    deny: CLIENT_LIST.describe("clients of these classes get no answer at all").exactOptional(),
    classes: list(classSchema).describe("clients of a kind; of several that match, a later one wins").prefault([]),
    optionDefinitions: list(OPTION_DEFINITION).describe("options beside those that are known").prefault([]),
    subnetSelection: flag().describe(
      "believe clients that name their subnet (option 118, RFC 3011): remote access servers do; any client can",
    ).prefault(false),
    subnets: list(subnetSchema).describe("the networks that are served, each a link of its own").prefault([]),
    sharedNetworks: list(sharedNetworkSchema).describe("links that have several subnets each").prefault([]),
    reservations: list(reservationSchema).describe(
      "the same, valid in all subnets; on another link than that of its address, a client gets one of the pools",
    ).prefault([]),
  }).transform(level).transform(joinSubnets),
);

/** The same schema, which reads options with the definitions of the section itself. */
function defining<Schema extends z.ZodType>(schema: Schema): Schema {
  const { run } = schema._zod;
  schema._zod.run = (payload, context) =>
    withDefinitions(asMapping(payload.value).optionDefinitions, () => run(payload, context));
  return schema;
}

/** Reads a reservation of a section that is checked, from its JSON; `definitions` are those of the section. */
export function readReservation(
  entry: string,
  definitions: ServiceConfig["optionDefinitions"],
): z.output<typeof reservationSchema> {
  return withDefinitions(definitions, () => reservationSchema.parse(JSON.parse(entry)));
}

interface Sections {
  readonly subnets: readonly z.output<typeof subnetSchema>[];
  readonly sharedNetworks: readonly z.output<typeof sharedNetworkSchema>[];
}

/** All subnets in one list, which is where everything but the order of use looks for them. */
function joinSubnets<Section extends Sections>({ subnets, sharedNetworks, ...section }: Section) {
  const shared = sharedNetworks.flatMap((network, sharedNetwork) =>
    network.subnets.map((subnet) => ({ ...subnet, sharedNetwork }))
  );
  const all: (Sections["subnets"][number] & { readonly sharedNetwork?: number })[] = [...subnets, ...shared];
  return {
    ...section,
    subnets: all,
    sharedNetworks: sharedNetworks.map(({ subnets: _, ...network }) => network),
  };
}

/**
 * The whole section. After the check, subnets and pools don't overlap, and pools lie in their subnet. `subnets` has
 * those of shared networks, too, behind the others.
 */
export type ServiceConfig = Config<typeof serviceSchema>;
export type SubnetConfig = ServiceConfig["subnets"][number];
export type SharedNetworkConfig = ServiceConfig["sharedNetworks"][number];
export type ReservationConfig = SubnetConfig["reservations"][number];
export type StrangersConfig = ServiceConfig["strangers"];
/** Clients that match all that is given get the class's settings, over those of subnet and pool. */
export type ClassConfig = ServiceConfig["classes"][number];
/** Who may use a subnet or pool. */
export type AccessConfig = Pick<SubnetConfig, "allow" | "deny">;
/** What every level has. */
export type LeaseSettingsConfig = Omit<SubnetConfig["pools"][number], "range" | "allow" | "deny">;
