/**
 * ICMP echo to a node, by the system's ping program through the npm package `ping`. The kernel takes the timestamps, so
 * a busy relay does not distort them. Decides which timeout that program can be given, and what its output means.
 */

import process from "node:process";
import ping from "ping";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import type { PingResult } from "../select/evidence.ts";

/** Sends one echo request and waits for its answer. Never rejects. */
export type Pinger = (address: Ipv4, timeoutMs: number) => Promise<PingResult>;

const PATH_DEFAULT = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// The package passes its whole environment to ping. Deno would require permission to read all of it; ping needs only
// PATH.
process.env = { PATH: mayRead("PATH") ? Deno.env.get("PATH") ?? PATH_DEFAULT : PATH_DEFAULT };

function mayRead(variable: string): boolean {
  return Deno.permissions.querySync({ name: "env", variable }).state === "granted";
}

/** The installed ping takes whole seconds only; known from the first timeout that it refused. */
let wholeSeconds = false;

/**
 * The system's ping program. iputils takes fractions of a second as its timeout; BusyBox, the ping of OpenWrt and
 * Alpine, takes whole seconds only.
 */
export const systemPing: Pinger = async (address, timeoutMs) => {
  try {
    let answer = wholeSeconds ? undefined : await probe(address, timeoutMs / 1000);
    if (answer === undefined || refusesFraction(answer.output)) {
      answer = await probe(address, Math.ceil(timeoutMs / 1000));
      wholeSeconds = true;
    }
    const result = readAnswer(answer);
    // Within the whole second, but too late.
    return result.kind === "answered" && result.rttMs > timeoutMs ? { kind: "silent" } : result;
  } catch (error) {
    return { kind: "impossible", reason: explain(error) };
  }
};

function probe(address: Ipv4, timeoutSeconds: number): Promise<PingAnswer> {
  return ping.promise.probe(formatIpv4(address), { numeric: true, timeout: timeoutSeconds, min_reply: 1 });
}

/**
 * Whether ping did not start because its timeout is no whole number.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(refusesFraction("ping: invalid number '0.5'\n"), true);
 * ```
 */
export function refusesFraction(output: string): boolean {
  return /^ping: (invalid number|bad linger time|invalid argument)[^\n]*\d\.\d/m.test(output);
}

/** The package's reading of ping's output. */
interface PingAnswer {
  readonly alive: boolean;
  readonly time: number | "unknown";
  readonly output: string;
}

/**
 * Tells a timeout from a ping that did not start: the latter prints no header.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const output = "ping: socktype: SOCK_RAW\nping: socket: Operation not permitted";
 * deepStrictEqual(readAnswer({ alive: false, time: "unknown", output }), {
 *   kind: "impossible",
 *   reason: "ping: socket: Operation not permitted",
 * });
 * ```
 */
export function readAnswer({ alive, time, output }: PingAnswer): PingResult {
  if (alive && typeof time === "number") return { kind: "answered", rttMs: time };
  const lines = output.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const last = lines.at(-1);
  // No route counts as silence: the next attempt may find one.
  if (last === undefined || lines[0]?.startsWith("PING ") || /unreachable|no route/i.test(last)) {
    return { kind: "silent" };
  }
  return { kind: "impossible", reason: last.slice(0, 120) };
}

function explain(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) return "Deno lacks the permission to run ping (--allow-run=ping)";
  return "ping cannot be run: install it (Debian: iputils-ping) and let this user run it";
}
