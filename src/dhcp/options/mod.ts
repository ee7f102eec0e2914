/** The options of DHCP: the registry and what derives from it. */

export type { Codec, OptionRead, OptionValue } from "./codec.ts";
export { OPTIONS, type OptionSpec } from "./registry.ts";
export { ALL_OPTIONS, nearestOptionName, optionByCode, optionByKey, optionByName } from "./lookup.ts";
export {
  byCode,
  DEFINED_TYPES,
  DefinedOptions,
  encodeSubOptions,
  enterpriseOf,
  FIELD_TYPES,
  mayBeFollowed,
  type OptionDefinition,
  type SubOption,
  subOptionOctetsMax,
} from "./definitions.ts";
export { hostsOf, readOption, writeOption } from "./access.ts";
export { formatOption, type ParsedOption, parseOptionValue } from "./configure.ts";
export type { Fqdn } from "./values/fqdn.ts";
export type { Route } from "./values/routes.ts";
export type { SipServers } from "./values/sip.ts";
