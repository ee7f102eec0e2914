/** Sections that node.yaml and relay.yaml have in common. */

import { mapping, oneOf } from "./field.ts";
import { listenAddress, port } from "./fields.ts";

/** Both as the file may write them; `info` and more by default. */
export const LOG_LEVELS = ["trace", "debug", "info", "warning", "error", "fatal"] as const;
export const LOG_FORMATS = ["text", "json"] as const;

/** Keys of `http`. The default address is the loopback: the operator decides who may see leases. */
export function httpShape(defaultPort: number, served: string) {
  return {
    address: listenAddress().describe(`where ${served} are served`).prefault("127.0.0.1"),
    port: port().describe("its TCP port").prefault(defaultPort),
  };
}

/** `log: { level, format }`. */
export const logSection = mapping({
  level: oneOf(LOG_LEVELS).describe("`trace`, `debug`, `info`, `warning`, `error` or `fatal`").prefault("info"),
  format: oneOf(LOG_FORMATS).describe("`text`, or `json` for one JSON object per line").prefault("text"),
}).prefault({});
