/**
 * Every option this code knows by name: one table that decoding, encoding, configuration keys, logs and documentation
 * derive from. An option without a row is handled as bytes.
 *
 * `name` is Kea's name; `aliases` are other names for the same thing in Kea and dhcpd. `reserved` says why
 * an option can't be configured and what to do instead.
 */

import { relayAgentInformation } from "../relay_agent_information.ts";
import type { Codec } from "./codec.ts";
import { bool, flag } from "./values/bool.ts";
import { bytes } from "./values/bytes.ts";
import { domainNames } from "./values/domain_names.ts";
import { encapsulated } from "./values/encapsulated.ts";
import { fqdn } from "./values/fqdn.ts";
import { i32, u16, u32, u8 } from "./values/integer.ts";
import { u16List, u8List } from "./values/integer_list.ts";
import { ipv4, ipv4List, ipv4ListOrNone, ipv4PairList } from "./values/ipv4.ts";
import { routes } from "./values/routes.ts";
import { sip } from "./values/sip.ts";
import { slpDirectoryAgents, slpServiceScope } from "./values/slp.ts";
import { text } from "./values/text.ts";
import { userClass } from "./values/user_class.ts";

/** One row of the table. */
export interface OptionSpec<T = unknown> {
  /** The key in configuration. */
  readonly name: string;
  /** 1..254. */
  readonly code: number;
  /** Where the option is defined. */
  readonly rfc: string;
  readonly codec: Codec<T>;
  /** Other names that configuration accepts. */
  readonly aliases?: readonly string[];
  /** Why it can't be configured; completes the sentence "can't be set here: …". */
  readonly reserved?: string;
}

const CLIENT_SENDS = "clients send it, servers don't";
const LEASEQUERY = "it belongs to replies to DHCPLEASEQUERY";

/** The options by their name in code. */
export const OPTIONS = {
  // RFC 2132 §3: RFC 1497 vendor extensions
  subnetMask: { name: "subnet-mask", code: 1, rfc: "RFC 2132 §3.3", codec: ipv4 },
  timeOffset: { name: "time-offset", code: 2, rfc: "RFC 2132 §3.4", codec: i32() },
  routers: { name: "routers", code: 3, rfc: "RFC 2132 §3.5", codec: ipv4List },
  timeServers: { name: "time-servers", code: 4, rfc: "RFC 2132 §3.6", codec: ipv4List },
  nameServers: {
    name: "name-servers",
    code: 5,
    rfc: "RFC 2132 §3.7",
    codec: ipv4List,
    aliases: ["ien116-name-servers"],
  },
  domainNameServers: { name: "domain-name-servers", code: 6, rfc: "RFC 2132 §3.8", codec: ipv4List },
  logServers: { name: "log-servers", code: 7, rfc: "RFC 2132 §3.9", codec: ipv4List },
  cookieServers: { name: "cookie-servers", code: 8, rfc: "RFC 2132 §3.10", codec: ipv4List },
  lprServers: { name: "lpr-servers", code: 9, rfc: "RFC 2132 §3.11", codec: ipv4List },
  impressServers: { name: "impress-servers", code: 10, rfc: "RFC 2132 §3.12", codec: ipv4List },
  resourceLocationServers: { name: "resource-location-servers", code: 11, rfc: "RFC 2132 §3.13", codec: ipv4List },
  hostName: { name: "host-name", code: 12, rfc: "RFC 2132 §3.14", codec: text },
  bootSize: { name: "boot-size", code: 13, rfc: "RFC 2132 §3.15", codec: u16() },
  meritDump: { name: "merit-dump", code: 14, rfc: "RFC 2132 §3.16", codec: text },
  domainName: { name: "domain-name", code: 15, rfc: "RFC 2132 §3.17", codec: text },
  swapServer: { name: "swap-server", code: 16, rfc: "RFC 2132 §3.18", codec: ipv4 },
  rootPath: { name: "root-path", code: 17, rfc: "RFC 2132 §3.19", codec: text },
  extensionsPath: { name: "extensions-path", code: 18, rfc: "RFC 2132 §3.20", codec: text },

  // RFC 2132 §4: IP layer parameters per host
  ipForwarding: { name: "ip-forwarding", code: 19, rfc: "RFC 2132 §4.1", codec: bool },
  nonLocalSourceRouting: { name: "non-local-source-routing", code: 20, rfc: "RFC 2132 §4.2", codec: bool },
  policyFilter: { name: "policy-filter", code: 21, rfc: "RFC 2132 §4.3", codec: ipv4PairList("destination", "mask") },
  maxDgramReassembly: { name: "max-dgram-reassembly", code: 22, rfc: "RFC 2132 §4.4", codec: u16({ min: 576 }) },
  defaultIpTtl: { name: "default-ip-ttl", code: 23, rfc: "RFC 2132 §4.5", codec: u8({ min: 1 }) },
  pathMtuAgingTimeout: { name: "path-mtu-aging-timeout", code: 24, rfc: "RFC 2132 §4.6", codec: u32() },
  pathMtuPlateauTable: { name: "path-mtu-plateau-table", code: 25, rfc: "RFC 2132 §4.7", codec: u16List(68) },

  // RFC 2132 §5: IP layer parameters per interface
  interfaceMtu: { name: "interface-mtu", code: 26, rfc: "RFC 2132 §5.1", codec: u16({ min: 68 }) },
  allSubnetsLocal: { name: "all-subnets-local", code: 27, rfc: "RFC 2132 §5.2", codec: bool },
  broadcastAddress: { name: "broadcast-address", code: 28, rfc: "RFC 2132 §5.3", codec: ipv4 },
  performMaskDiscovery: { name: "perform-mask-discovery", code: 29, rfc: "RFC 2132 §5.4", codec: bool },
  maskSupplier: { name: "mask-supplier", code: 30, rfc: "RFC 2132 §5.5", codec: bool },
  routerDiscovery: { name: "router-discovery", code: 31, rfc: "RFC 2132 §5.6", codec: bool },
  routerSolicitationAddress: { name: "router-solicitation-address", code: 32, rfc: "RFC 2132 §5.7", codec: ipv4 },
  staticRoutes: {
    name: "static-routes",
    code: 33,
    rfc: "RFC 2132 §5.8",
    codec: ipv4PairList("destination", "router"),
  },

  // RFC 2132 §6 and §7: link layer and TCP parameters
  trailerEncapsulation: { name: "trailer-encapsulation", code: 34, rfc: "RFC 2132 §6.1", codec: bool },
  arpCacheTimeout: { name: "arp-cache-timeout", code: 35, rfc: "RFC 2132 §6.2", codec: u32() },
  ieee8023Encapsulation: { name: "ieee802-3-encapsulation", code: 36, rfc: "RFC 2132 §6.3", codec: bool },
  defaultTcpTtl: { name: "default-tcp-ttl", code: 37, rfc: "RFC 2132 §7.1", codec: u8({ min: 1 }) },
  tcpKeepaliveInterval: {
    name: "tcp-keepalive-interval",
    code: 38,
    rfc: "RFC 2132 §7.2",
    codec: u32(),
    aliases: ["tcp-keepalive-internal"],
  },
  tcpKeepaliveGarbage: { name: "tcp-keepalive-garbage", code: 39, rfc: "RFC 2132 §7.3", codec: bool },

  // RFC 2132 §8: application and service parameters
  nisDomain: { name: "nis-domain", code: 40, rfc: "RFC 2132 §8.1", codec: text },
  nisServers: { name: "nis-servers", code: 41, rfc: "RFC 2132 §8.2", codec: ipv4List },
  ntpServers: { name: "ntp-servers", code: 42, rfc: "RFC 2132 §8.3", codec: ipv4List },
  vendorEncapsulatedOptions: {
    name: "vendor-encapsulated-options",
    code: 43,
    rfc: "RFC 2132 §8.4",
    codec: encapsulated,
  },
  netbiosNameServers: { name: "netbios-name-servers", code: 44, rfc: "RFC 2132 §8.5", codec: ipv4List },
  netbiosDdServer: { name: "netbios-dd-server", code: 45, rfc: "RFC 2132 §8.6", codec: ipv4List },
  netbiosNodeType: { name: "netbios-node-type", code: 46, rfc: "RFC 2132 §8.7", codec: u8({ min: 1, max: 8 }) },
  netbiosScope: { name: "netbios-scope", code: 47, rfc: "RFC 2132 §8.8", codec: text },
  fontServers: { name: "font-servers", code: 48, rfc: "RFC 2132 §8.9", codec: ipv4List },
  xDisplayManager: { name: "x-display-manager", code: 49, rfc: "RFC 2132 §8.10", codec: ipv4List },

  // RFC 2132 §9: DHCP extensions
  requestedIpAddress: {
    name: "dhcp-requested-address",
    code: 50,
    rfc: "RFC 2132 §9.1",
    codec: ipv4,
    reserved: CLIENT_SENDS,
  },
  addressLeaseTime: {
    name: "dhcp-lease-time",
    code: 51,
    rfc: "RFC 2132 §9.2",
    codec: u32(),
    reserved: "use the key leaseTime",
  },
  optionOverload: {
    name: "dhcp-option-overload",
    code: 52,
    rfc: "RFC 2132 §9.3",
    codec: u8({ min: 1, max: 3 }),
    reserved: "the server overloads file and sname by itself when options need the room",
  },
  messageType: {
    name: "dhcp-message-type",
    code: 53,
    rfc: "RFC 2132 §9.6",
    codec: u8({ min: 1 }),
    reserved: "every message has its own",
  },
  serverIdentifier: {
    name: "dhcp-server-identifier",
    code: 54,
    rfc: "RFC 2132 §9.7",
    codec: ipv4,
    reserved: "it is the address the server answers from",
  },
  parameterRequestList: {
    name: "dhcp-parameter-request-list",
    code: 55,
    rfc: "RFC 2132 §9.8",
    codec: u8List,
    reserved: CLIENT_SENDS,
  },
  message: {
    name: "dhcp-message",
    code: 56,
    rfc: "RFC 2132 §9.9",
    codec: text,
    reserved: "the server writes it when it refuses a request",
  },
  maximumMessageSize: {
    name: "dhcp-max-message-size",
    code: 57,
    rfc: "RFC 2132 §9.10",
    codec: u16({ min: 576 }),
    reserved: CLIENT_SENDS,
  },
  renewalTime: {
    name: "dhcp-renewal-time",
    code: 58,
    rfc: "RFC 2132 §9.11",
    codec: u32(),
    reserved: "use the key renewTime",
  },
  rebindingTime: {
    name: "dhcp-rebinding-time",
    code: 59,
    rfc: "RFC 2132 §9.12",
    codec: u32(),
    reserved: "use the key rebindTime",
  },
  vendorClassIdentifier: { name: "vendor-class-identifier", code: 60, rfc: "RFC 2132 §9.13", codec: text },
  clientIdentifier: {
    name: "dhcp-client-identifier",
    code: 61,
    rfc: "RFC 2132 §9.14",
    codec: bytes({ min: 2 }),
    reserved: "the server echoes what the client sent (RFC 6842); in a reservation use the key clientId",
  },
  nwipDomainName: { name: "nwip-domain-name", code: 62, rfc: "RFC 2242", codec: text },
  nwipSuboptions: { name: "nwip-suboptions", code: 63, rfc: "RFC 2242", codec: encapsulated },
  nisplusDomainName: {
    name: "nisplus-domain-name",
    code: 64,
    rfc: "RFC 2132 §8.11",
    codec: text,
    aliases: ["nisp-domain-name"],
  },
  nisplusServers: {
    name: "nisplus-servers",
    code: 65,
    rfc: "RFC 2132 §8.12",
    codec: ipv4List,
    aliases: ["nisp-servers"],
  },
  tftpServerName: { name: "tftp-server-name", code: 66, rfc: "RFC 2132 §9.4", codec: text },
  bootfileName: {
    name: "bootfile-name",
    code: 67,
    rfc: "RFC 2132 §9.5",
    codec: text,
    aliases: ["boot-file-name"],
  },
  mobileIpHomeAgent: {
    name: "mobile-ip-home-agent",
    code: 68,
    rfc: "RFC 2132 §8.13",
    codec: ipv4ListOrNone,
  },
  smtpServer: { name: "smtp-server", code: 69, rfc: "RFC 2132 §8.14", codec: ipv4List },
  popServer: { name: "pop-server", code: 70, rfc: "RFC 2132 §8.15", codec: ipv4List },
  nntpServer: { name: "nntp-server", code: 71, rfc: "RFC 2132 §8.16", codec: ipv4List },
  wwwServer: { name: "www-server", code: 72, rfc: "RFC 2132 §8.17", codec: ipv4List },
  fingerServer: { name: "finger-server", code: 73, rfc: "RFC 2132 §8.18", codec: ipv4List },
  ircServer: { name: "irc-server", code: 74, rfc: "RFC 2132 §8.19", codec: ipv4List },
  streettalkServer: { name: "streettalk-server", code: 75, rfc: "RFC 2132 §8.20", codec: ipv4List },
  streettalkDirectoryAssistanceServer: {
    name: "streettalk-directory-assistance-server",
    code: 76,
    rfc: "RFC 2132 §8.21",
    codec: ipv4List,
  },

  // Other RFCs
  userClass: { name: "user-class", code: 77, rfc: "RFC 3004 §4", codec: userClass, reserved: CLIENT_SENDS },
  slpDirectoryAgent: { name: "slp-directory-agent", code: 78, rfc: "RFC 2610 §3", codec: slpDirectoryAgents },
  slpServiceScope: { name: "slp-service-scope", code: 79, rfc: "RFC 2610 §4", codec: slpServiceScope },
  rapidCommit: {
    name: "rapid-commit",
    code: 80,
    rfc: "RFC 4039 §4",
    codec: flag,
    reserved: "the server sends it with a DHCPACK that answers a DHCPDISCOVER",
  },
  fqdn: {
    name: "fqdn",
    code: 81,
    rfc: "RFC 4702 §2",
    codec: fqdn,
    reserved: "the server answers it when the client sends it",
  },
  relayAgentInformation: {
    name: "dhcp-agent-options",
    code: 82,
    rfc: "RFC 3046 §2.0",
    codec: relayAgentInformation,
    aliases: ["relay-agent-information"],
    reserved: "relays add it and the server echoes it",
  },
  isns: { name: "isns", code: 83, rfc: "RFC 4174", codec: bytes({ min: 14 }) },
  ndsServers: { name: "nds-servers", code: 85, rfc: "RFC 2241 §2", codec: ipv4List },
  ndsTreeName: { name: "nds-tree-name", code: 86, rfc: "RFC 2241 §3", codec: text },
  ndsContext: { name: "nds-context", code: 87, rfc: "RFC 2241 §4", codec: text },
  bcmsControllerNames: {
    name: "bcms-controller-names",
    code: 88,
    rfc: "RFC 4280",
    codec: domainNames({ compress: false }),
  },
  bcmsControllerAddress: { name: "bcms-controller-address", code: 89, rfc: "RFC 4280", codec: ipv4List },
  authentication: {
    name: "authentication",
    code: 90,
    rfc: "RFC 3118 §2",
    codec: bytes({ min: 11 }),
    aliases: ["authenticate"],
    reserved: "it is computed for each message, and this server does not",
  },
  clientLastTransactionTime: {
    name: "client-last-transaction-time",
    code: 91,
    rfc: "RFC 4388 §6.1",
    codec: u32(),
    reserved: LEASEQUERY,
  },
  associatedIp: {
    name: "associated-ip",
    code: 92,
    rfc: "RFC 4388 §6.1",
    codec: ipv4ListOrNone,
    reserved: LEASEQUERY,
  },
  clientSystem: {
    name: "client-system",
    code: 93,
    rfc: "RFC 4578 §2.1",
    codec: u16List(),
    aliases: ["pxe-system-type"],
    reserved: `${CLIENT_SENDS}; match it with a class`,
  },
  clientNdi: {
    name: "client-ndi",
    code: 94,
    rfc: "RFC 4578 §2.2",
    codec: bytes({ min: 3, max: 3 }),
    aliases: ["pxe-interface-id"],
    reserved: CLIENT_SENDS,
  },
  uuidGuid: {
    name: "uuid-guid",
    code: 97,
    rfc: "RFC 4578 §2.3",
    codec: bytes({ min: 2 }),
    aliases: ["pxe-client-id"],
    reserved: "the server echoes what the client sent",
  },
  uapServers: { name: "uap-servers", code: 98, rfc: "RFC 2485", codec: text },
  geoconfCivic: { name: "geoconf-civic", code: 99, rfc: "RFC 4776 §3.1", codec: bytes({ min: 3 }) },
  tzPosix: { name: "tz-posix", code: 100, rfc: "RFC 4833 §2", codec: text, aliases: ["pcode"] },
  tzDbname: { name: "tz-dbname", code: 101, rfc: "RFC 4833 §2", codec: text, aliases: ["tcode"] },
  v6OnlyPreferred: { name: "v6-only-preferred", code: 108, rfc: "RFC 8925 §3.1", codec: u32() },
  captivePortal: {
    name: "captive-portal",
    code: 114,
    rfc: "RFC 8910 §2.1",
    codec: text,
    aliases: ["v4-captive-portal", "default-url"],
  },
  autoConfig: {
    name: "auto-config",
    code: 116,
    rfc: "RFC 2563 §2",
    codec: u8({ max: 1 }),
    aliases: ["auto-configure"],
  },
  nameServiceSearch: { name: "name-service-search", code: 117, rfc: "RFC 2937", codec: u16List() },
  subnetSelection: {
    name: "subnet-selection",
    code: 118,
    rfc: "RFC 3011 §2",
    codec: ipv4,
    reserved: "clients send it and the server echoes it",
  },
  domainSearch: {
    name: "domain-search",
    code: 119,
    rfc: "RFC 3397 §2",
    codec: domainNames({ compress: true }),
  },
  sipServers: { name: "sip-servers", code: 120, rfc: "RFC 3361 §3", codec: sip },
  classlessStaticRoutes: {
    name: "classless-static-routes",
    code: 121,
    rfc: "RFC 3442",
    codec: routes,
    aliases: ["classless-static-route", "rfc3442-classless-static-routes"],
  },
  cablelabsClientConfiguration: {
    name: "cablelabs-client-configuration",
    code: 122,
    rfc: "RFC 3495",
    codec: encapsulated,
  },
  geoconf: { name: "geoconf", code: 123, rfc: "RFC 6225", codec: bytes({ min: 16, max: 16 }) },
  vivcoSuboptions: {
    name: "vivco-suboptions",
    code: 124,
    rfc: "RFC 3925 §3",
    codec: bytes({ min: 5 }),
    aliases: ["vivco"],
  },
  vivsoSuboptions: {
    name: "vivso-suboptions",
    code: 125,
    rfc: "RFC 3925 §4",
    codec: bytes({ min: 5 }),
    aliases: ["vivso"],
  },
  panaAgent: { name: "pana-agent", code: 136, rfc: "RFC 5192 §3", codec: ipv4List },
  v4Lost: {
    name: "v4-lost",
    code: 137,
    rfc: "RFC 5223",
    codec: domainNames({ compress: false, max: 1 }),
  },
  capwapAc: { name: "capwap-ac", code: 138, rfc: "RFC 5417 §3", codec: ipv4List, aliases: ["capwap-ac-v4"] },
  sipUaCsDomains: {
    name: "sip-ua-cs-domains",
    code: 141,
    rfc: "RFC 6011",
    codec: domainNames({ compress: false }),
  },
  andsfAddress: {
    name: "ipv4-address-andsf",
    code: 142,
    rfc: "RFC 6153 §2",
    codec: ipv4List,
    aliases: ["v4-andsf"],
  },
  sztpRedirect: { name: "v4-sztp-redirect", code: 143, rfc: "RFC 8572 §8.1", codec: bytes({ min: 3 }) },
  forcerenewNonceCapable: {
    name: "forcerenew-nonce-capable",
    code: 145,
    rfc: "RFC 6704",
    codec: u8List,
    reserved: CLIENT_SENDS,
  },
  rdnssSelection: { name: "rdnss-selection", code: 146, rfc: "RFC 6731", codec: bytes({ min: 10 }) },
  tftpServerAddress: { name: "tftp-server-address", code: 150, rfc: "RFC 5859", codec: ipv4List },
  accessDomain: {
    name: "v4-access-domain",
    code: 213,
    rfc: "RFC 5986",
    codec: domainNames({ compress: false, max: 1 }),
  },
  mudUrl: { name: "mud-url", code: 161, rfc: "RFC 8520 §10", codec: text, reserved: CLIENT_SENDS },
  dnr: { name: "v4-dnr", code: 162, rfc: "RFC 9463 §5.1", codec: bytes({ min: 5 }) },
  pxelinuxMagic: { name: "pxelinux-magic", code: 208, rfc: "RFC 5071 §3", codec: bytes({ min: 4, max: 4 }) },
  configurationFile: {
    name: "configuration-file",
    code: 209,
    rfc: "RFC 5071 §4",
    codec: text,
    aliases: ["loader-configfile"],
  },
  pathPrefix: { name: "path-prefix", code: 210, rfc: "RFC 5071 §5", codec: text, aliases: ["loader-pathprefix"] },
  rebootTime: { name: "reboot-time", code: 211, rfc: "RFC 5071 §6", codec: u32(), aliases: ["loader-reboottime"] },
  option6rd: { name: "option-6rd", code: 212, rfc: "RFC 5969 §7.1.1", codec: bytes({ min: 22 }) },
  subnetAllocation: {
    name: "subnet-allocation",
    code: 220,
    rfc: "RFC 6656",
    codec: bytes(),
    reserved: "this server gives out addresses, not subnets",
  },
  virtualSubnetSelection: {
    name: "virtual-subnet-selection",
    code: 221,
    rfc: "RFC 6607",
    codec: bytes(),
    reserved: "relays and clients send it",
  },

  // Private use (RFC 3942), but widely implemented
  msClasslessStaticRoutes: {
    name: "ms-classless-static-routes",
    code: 249,
    rfc: "MS-DHCPE §2.2.8",
    codec: routes,
  },
  wpadUrl: { name: "wpad-url", code: 252, rfc: "draft-ietf-wrec-wpad", codec: text, aliases: ["wpad"] },
} as const satisfies Record<string, OptionSpec>;
