/**
 * The `service` section: what each key is and the {@link ServiceConfig} it becomes. How the values of different keys
 * must relate is in `service_check.ts`.
 */

import { z } from "zod";
import type { ClassConfig, LeaseSettingsConfig, ServiceConfig, SubnetConfig } from "../dhcp/server/config.ts";
import { seconds } from "./duration.ts";
import { defined, type Field, flag, integer, list, mapping, text } from "./field.ts";
import { hardwareAddress, hexBytes, hostAddress, prefix, range } from "./fields.ts";
import { optionsField } from "./options.ts";

/** The lease time of a file that gives none: an hour. */
export const LEASE_SECONDS_DEFAULT = 3600;

/** How long a declined address rests when the file does not say: a day. */
export const DECLINE_SECONDS_DEFAULT = 86_400;

/** RFC 2132 §9.14: a client identifier is an option, so 255 octets at most, and 2 at least. */
const CLIENT_ID_OCTETS_MAX = 255;

/** The times a scope may give, as fields; `service_check.ts` reads them one by one. */
export const TIME_FIELDS = {
  leaseTime: seconds({ infinite: true }),
  minLeaseTime: seconds(),
  maxLeaseTime: seconds({ infinite: true }),
  renewTime: seconds(),
  rebindTime: seconds(),
} as const;

/** The other fields that are checked against each other. */
export const SUBNET_PREFIX = prefix();
export const POOL_RANGE = range();
export const RESERVED_ADDRESS = hostAddress();
export const HARDWARE = hardwareAddress();
export const CLIENT_ID = hexBytes({ octetsMax: CLIENT_ID_OCTETS_MAX });

function scopeShape() {
  return {
    leaseTime: TIME_FIELDS.leaseTime.optional(),
    minLeaseTime: TIME_FIELDS.minLeaseTime.optional(),
    maxLeaseTime: TIME_FIELDS.maxLeaseTime.optional(),
    renewTime: TIME_FIELDS.renewTime.optional(),
    rebindTime: TIME_FIELDS.rebindTime.optional(),
    nextServer: hostAddress().optional(),
    // RFC 2131 §2: `sname` and `file` end with a null octet.
    serverName: text({ octetsMax: 63, noun: "a host name", example: "boot.example.net" }).optional(),
    bootFile: text({
      octetsMax: 127,
      noun: "a file name or URL",
      example: "pxelinux.0",
      longer: "set the option bootfile-name",
    }).optional(),
    options: optionsField().optional(),
  };
}

type ScopeInput = {
  readonly [Key in keyof ReturnType<typeof scopeShape>]: z.output<ReturnType<typeof scopeShape>[Key]>;
};

function toScope(input: Partial<ScopeInput>): LeaseSettingsConfig {
  return {
    ...defined({
      leaseSeconds: input.leaseTime,
      minLeaseSeconds: input.minLeaseTime,
      maxLeaseSeconds: input.maxLeaseTime,
      renewSeconds: input.renewTime,
      rebindSeconds: input.rebindTime,
      nextServer: input.nextServer,
      serverName: input.serverName,
      bootFile: input.bootFile,
    }),
    options: input.options ?? new Map(),
  };
}

/** What may stand where a mapping with one essential key is wanted: that key's value alone. */
function orBare<T>(key: string, schema: z.ZodType<T>): Field<T> {
  return z.preprocess((input) => typeof input === "string" ? { [key]: input } : input, schema);
}

function poolSchema() {
  return orBare(
    "range",
    mapping({ range: POOL_RANGE, ...scopeShape() })
      .transform((input) => ({ ...toScope(input), range: input.range })),
  );
}

function reservationSchema() {
  return mapping({
    hardware: HARDWARE.optional(),
    clientId: CLIENT_ID.optional(),
    address: RESERVED_ADDRESS,
    hostname: text({ octetsMax: 255, noun: "a host name", example: "printer" }).optional(),
    ...scopeShape(),
  }).transform((input) => ({
    ...toScope(input),
    ...defined({ hardware: input.hardware, clientId: input.clientId, hostname: input.hostname }),
    address: input.address,
  }));
}

function subnetSchema(): Field<SubnetConfig> {
  return mapping({
    subnet: SUBNET_PREFIX,
    pools: list(poolSchema()).default([]),
    reservations: list(reservationSchema()).default([]),
    ...scopeShape(),
  }).transform((input) => ({
    ...toScope(input),
    prefix: input.subnet,
    pools: input.pools,
    reservations: input.reservations,
  }));
}

/** RFC 4578 §2.1 and the IANA registry: 16 bits; 0 is BIOS, 7 and 9 are UEFI x64, 11 is UEFI ARM64, 16 is HTTP x64. */
const ARCHITECTURE = integer({ min: 0, max: 65535, example: 7 });

function classSchema(): Field<ClassConfig> {
  const tag = (example: string) => text({ octetsMax: 255, example });
  return mapping({
    name: text({ octetsMax: 64, noun: "a name", example: "uefi" }),
    match: mapping({
      vendorClass: tag("PXEClient").optional(),
      userClass: tag("iPXE").optional(),
      architecture: z.preprocess(
        (input) => typeof input === "number" ? [input] : input,
        list(ARCHITECTURE, { min: 1 }),
      ).optional(),
    }),
    ...scopeShape(),
  }).transform((input) => ({ ...toScope(input), name: input.name, match: defined(input.match) }));
}

/** Far enough from where numbers end for every change to get the next one. */
const REVISION_MAX = 10 ** 15;

/** The schema of the whole section. */
export function serviceSchema(): Field<ServiceConfig> {
  return mapping({
    revision: integer({ min: 1, max: REVISION_MAX, example: 1 }),
    declineTime: seconds().default(DECLINE_SECONDS_DEFAULT),
    authoritative: flag().default(true),
    rapidCommit: flag().default(false),
    classes: list(classSchema()).default([]),
    subnets: list(subnetSchema(), { min: 1 }),
    ...scopeShape(),
  }).transform((input) => ({
    ...toScope({ ...input, leaseTime: input.leaseTime ?? LEASE_SECONDS_DEFAULT }),
    revision: input.revision,
    declineSeconds: input.declineTime,
    authoritative: input.authoritative,
    rapidCommit: input.rapidCommit,
    classes: input.classes,
    subnets: input.subnets,
  }));
}
