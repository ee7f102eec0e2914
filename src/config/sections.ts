/** Sections that node.yaml and relay.yaml have in common. */

import type { z } from "zod";
import { type Ipv4, parseIpv4 } from "../net/ipv4.ts";
import { assert } from "../assert.ts";
import { type Field, mapping, oneOf } from "./field.ts";
import { listenAddress, port } from "./fields.ts";

/** Where the HTTP server listens. */
export interface HttpConfig {
  readonly address: Ipv4;
  readonly port: number;
}

/** Both as the file may write them; `info` and more by default. */
export const LOG_LEVELS = ["trace", "debug", "info", "warning", "error", "fatal"] as const;
export const LOG_FORMATS = ["text", "json"] as const;

/** What is logged and how. */
export interface LogConfig {
  readonly level: typeof LOG_LEVELS[number];
  readonly format: typeof LOG_FORMATS[number];
}

/**
 * `http: { address, port }`, for a mapping that may have more. The default address is the loopback: who is told about leases
 * is the operator's decision.
 */
export function httpShape(defaultPort: number) {
  const loopback = parseIpv4("127.0.0.1");
  assert(loopback !== undefined, "The loopback address is an address");
  return { address: listenAddress().default(loopback), port: port().default(defaultPort) };
}

/** Such a section without more. */
export function httpSection(defaultPort: number): Field<HttpConfig> {
  return mapping(httpShape(defaultPort)).prefault({});
}

/** `log: { level, format }`. */
export function logSection(): Field<LogConfig> {
  return mapping({
    level: oneOf(LOG_LEVELS).default("info"),
    format: oneOf(LOG_FORMATS).default("text"),
  }).default({ level: "info", format: "text" }) satisfies z.ZodType<LogConfig>;
}
