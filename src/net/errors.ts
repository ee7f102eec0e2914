/**
 * Error messages of refused socket operations: what failed, why, and what to do. One table for both implementations, so
 * that the same fault has the same text.
 */

import { formatIpv4, type Ipv4 } from "./ipv4.ts";
import { SocketError } from "./udp.ts";

/** An operation that can be refused, with what the advice depends on. */
export interface Attempt {
  /** The operation in the infinitive, such as `bind 10.99.0.11:67`. */
  readonly what: string;
  readonly port?: number;
  readonly device?: string | undefined;
  /** The capability that it requires. */
  readonly capability?: "CAP_NET_BIND_SERVICE" | "CAP_NET_RAW";
}

/** The attempt to bind a UDP socket. */
export function bindAttempt(address: Ipv4, port: number, device?: string): Attempt {
  const where = `${formatIpv4(address)}:${port}`;
  return {
    what: device === undefined ? `bind ${where}` : `bind ${where} on ${device}`,
    port,
    device,
    capability: "CAP_NET_BIND_SERVICE",
  };
}

function advice(code: string, attempt: Attempt): { cause: string; remedy: string } | undefined {
  switch (code) {
    case "EACCES":
      return {
        cause: "permission denied",
        remedy: `Run as root or give the program ${attempt.capability ?? "the capability it takes"}.`,
      };
    case "EPERM":
      return {
        cause: "operation not permitted",
        remedy: `Run as root or give the program ${attempt.capability ?? "the capability it takes"}.`,
      };
    case "EADDRINUSE":
      return {
        cause: "address is in use",
        remedy: `Stop the program that holds the port (\`ss -ulnp sport = ${attempt.port ?? 0}\` shows it) ` +
          "or configure another one.",
      };
    case "EADDRNOTAVAIL":
      return {
        cause: "no interface has this address",
        remedy: "Add the address to an interface (`ip -4 address` shows what there is) or configure another one.",
      };
    case "ENODEV":
    case "ENXIO":
      return {
        cause: "no such interface",
        remedy: `Create ${attempt.device ?? "it"} first (\`ip link\` shows what there is) or configure another one.`,
      };
    case "EMFILE":
    case "ENFILE":
      return { cause: "no file descriptor left", remedy: "Raise the limit (`ulimit -n`, LimitNOFILE= in systemd)." };
    default:
      return undefined;
  }
}

/**
 * Builds the error for a refused attempt. `description` is the meaning of a code that this module does not know.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const error = refused("EACCES", bindAttempt(0x0a63000b, 67));
 * strictEqual(
 *   error.message,
 *   "Cannot bind 10.99.0.11:67: permission denied (EACCES). " +
 *     "Run as root or give the program CAP_NET_BIND_SERVICE.",
 * );
 * ```
 */
export function refused(code: string, attempt: Attempt, description = `the system says ${code}`): SocketError {
  const known = advice(code, attempt);
  const message = known === undefined
    ? `Cannot ${attempt.what}: ${description}. Check the interface and address in the configuration.`
    : `Cannot ${attempt.what}: ${known.cause} (${code}). ${known.remedy}`;
  return new SocketError(code, message);
}
