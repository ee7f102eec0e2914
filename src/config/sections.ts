/** Parts that node.yaml and relay.yaml have in common. */

import type { Rate } from "../rate/rate.ts";
import { integer, list, mapping, oneOf } from "./field.ts";
import { filePath, hostName, listenAddress, port, prefix } from "./fields.ts";

/** Both as the file may write them; `info` and more by default. */
const LOG_LEVELS = ["trace", "debug", "info", "warning", "error", "fatal"] as const;
const LOG_FORMATS = ["text", "json"] as const;

/** Keys of `http`. The default address is the loopback: the operator decides who may see leases. */
export function httpShape(defaultPort: number, served: string) {
  return {
    address: listenAddress().describe(`where ${served} are served`).prefault("127.0.0.1"),
    port: port().describe("its TCP port").prefault(defaultPort),
    allow: list(prefix()).describe("networks that may connect, such as `10.1.0.0/24`; empty: all").prefault([]),
    hosts: list(hostName()).describe(
      "names under which browsers and monitoring reach it, beside its addresses and the machine's name (DNS rebinding)",
    ).prefault([]),
    tls: mapping({
      certFile: filePath().describe("the server's certificate and those of its issuers, in PEM; read again on SIGHUP"),
      keyFile: filePath().describe("its key in PEM, readable by its owner only"),
    }).describe("serve HTTPS instead of HTTP").exactOptional(),
    readTokenFile: filePath().describe(
      "file with a token that reading needs, but for `/healthz` and `/readyz`; no file: everyone who connects may read",
    ).exactOptional(),
  };
}

/** `log: { level, format }`. */
export const logSection = mapping({
  level: oneOf(LOG_LEVELS).describe("`trace`, `debug`, `info`, `warning`, `error` or `fatal`").prefault("info"),
  format: oneOf(LOG_FORMATS).describe("`text`, or `json` for one JSON object per line").prefault("text"),
}).prefault({});

const RATE_MAX = 1_000_000;

/** So many per second, and so many at once. */
export function rate(fallback: Rate) {
  return mapping({
    perSecond: integer({ min: 1, max: RATE_MAX, example: fallback.perSecond }).describe("average rate")
      .prefault(fallback.perSecond),
    burst: integer({ min: 1, max: RATE_MAX, example: fallback.burst }).describe("burst").prefault(fallback.burst),
  }).prefault(fallback);
}
