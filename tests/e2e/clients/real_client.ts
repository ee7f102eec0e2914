/**
 * The standard DHCP clients of Linux behind one interface, so that each test case runs against all of them.
 *
 * A driver knows its program's flags, signals and script variables. A client changes nothing outside its namespace:
 * each has its own script, lease file and pid file in the laboratory's temporary folder, and no distribution script
 * runs.
 */

import type { Host } from "../lab/topology.ts";
import { until } from "../lab/wait.ts";
import { EventFile, type Variables } from "./event_file.ts";

/** A client's lease, as its program reports it. */
export interface Lease {
  readonly address: string;
  readonly serverIdentifier: string;
  readonly leaseSeconds: number;
  readonly subnetMask: string;
  /** First router, or "" without one. */
  readonly router: string;
  /** First name server, or "" without one. */
  readonly nameServer: string;
}

/** Events of all clients in common terms. */
export type EventKind = "bound" | "renewed" | "nak" | "lost" | "released" | "failed" | "other";

export interface ClientEvent {
  readonly kind: EventKind;
  /** The client's own name of the event. */
  readonly reason: string;
  /** Present with `bound` and `renewed`. */
  readonly lease?: Lease;
}

export interface ClientOptions {
  /** Probe an address before using it (RFC 5227), and decline it if another host uses it. */
  readonly probe?: boolean;
  /** Messages with one xid, of clients that then take another (udhcpc). */
  readonly attempts?: number;
  /** Option 60, if not the program's own (udhcpc, dhclient). */
  readonly vendorClass?: string;
}

/** Time limit for a step of a client: retransmissions back off to 4 s and 8 s (RFC 2131 §4.1). */
export const STEP_MS = 20_000;

export abstract class RealClient {
  abstract readonly program: "udhcpc" | "dhclient" | "dhcpcd";
  readonly host: Host;
  protected readonly probe: boolean;
  protected readonly script: EventFile;

  constructor(host: Host, options: ClientOptions, configuresInterface: boolean) {
    this.host = host;
    this.probe = options.probe ?? false;
    this.script = new EventFile(host.namespace.folder("client"), { configuresInterface, probe: this.probe });
  }

  /** Starts the program with the state of its earlier starts. */
  abstract start(): Promise<void>;
  /** Renews the lease by unicast to its server (RFC 2131 §4.4.5, RENEWING). */
  abstract renew(): Promise<Lease>;
  /** Rebinds the lease by broadcast, while its server cannot be reached (REBINDING). */
  abstract rebind(): Promise<Lease>;
  /** Releases the lease. */
  abstract release(): Promise<void>;
  /** What this client does after its cable was plugged into another network. */
  abstract noticeMove(): Promise<void>;
  /** Ends the program without a DHCPRELEASE. */
  abstract stop(): Promise<void>;

  /** One event in common terms. */
  protected abstract translate(variables: Variables): ClientEvent;

  /** All events so far. */
  get events(): ClientEvent[] {
    return this.script.read().map((variables) => this.translate(variables));
  }

  /** Waits for an event of one of the kinds at or after index `since`. */
  async waitFor(kinds: readonly EventKind[], since = 0, deadlineMs = STEP_MS): Promise<ClientEvent> {
    return await until(
      `${this.program} in ${this.host.namespace.name} to report ${kinds.join(" or ")}`,
      deadlineMs,
      () => this.events.slice(since).find((event) => kinds.includes(event.kind)),
    );
  }

  /** Waits for a lease in the events from index `since` on. */
  async waitBound(since = 0, deadlineMs = STEP_MS): Promise<Lease> {
    return leaseOf(await this.waitFor(["bound"], since, deadlineMs));
  }

  /** The addresses on the client's interface. */
  async addresses(): Promise<string[]> {
    const json = await this.host.namespace.exec(["ip", "-j", "-4", "address", "show", "dev", "eth0"]);
    const links = JSON.parse(json) as { addr_info?: { local: string }[] }[];
    return links.flatMap((link) => link.addr_info ?? []).map((info) => info.local);
  }

  /** Drops the client's unicast to DHCP servers while `action` runs. */
  protected async withoutUnicast<T>(action: () => Promise<T>): Promise<T> {
    const { namespace } = this.host;
    // The clients unicast through UDP sockets, which pass this hook; their broadcasts may use packet sockets.
    const rules = `table ip unicast {
      chain output {
        type filter hook output priority 0
        udp dport 67 ip daddr != 255.255.255.255 drop
      }
    }
    `;
    await namespace.exec(["nft", "-f", "-"], { stdin: rules });
    try {
      return await action();
    } finally {
      await namespace.exec(["nft", "delete", "table", "ip", "unicast"]);
    }
  }
}

/** The lease of an event that has one. */
export function leaseOf(event: ClientEvent): Lease {
  if (event.lease === undefined) throw new Error(`The event "${event.reason}" brought no lease`);
  return event.lease;
}
