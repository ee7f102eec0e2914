/**
 * The standard DHCP clients of Linux behind one interface, so that each test case runs against all of them.
 *
 * A driver knows its program's flags, signals and script variables. Whatever a client does ends in its namespace: each
 * gets a script, lease file and pid file of its own in the laboratory's temporary folder; no distribution script runs.
 */

import type { Host } from "../lab/topology.ts";
import { until } from "../lab/wait.ts";
import { EventFile, type Variables } from "./event_file.ts";

/** What a client has been given. */
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

/** What clients tell their scripts, in common terms. */
export type EventKind = "bound" | "renewed" | "nak" | "lost" | "released" | "failed" | "other";

export interface ClientEvent {
  readonly kind: EventKind;
  /** The client's own word. */
  readonly reason: string;
  /** Present with `bound` and `renewed`. */
  readonly lease?: Lease;
}

export interface ClientOptions {
  /** Look for somebody else's use of an address before taking it (RFC 5227), and decline it then. */
  readonly probe?: boolean;
}

/** How long any step of a client may take: retransmissions back off to 4 s and 8 s (RFC 2131 §4.1). */
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

  /** Starts the program; what it remembers from an earlier start, it still knows. */
  abstract start(): Promise<void>;
  /** Has the lease extended by unicast to the server that gave it (RFC 2131 §4.4.5, RENEWING). */
  abstract renew(): Promise<Lease>;
  /** Has the lease extended by broadcast, the server being out of reach (REBINDING). */
  abstract rebind(): Promise<Lease>;
  /** Gives the lease back. */
  abstract release(): Promise<void>;
  /** Does what this client does when its cable has been put into another network. */
  abstract noticeMove(): Promise<void>;
  /** Ends the program without giving the lease back. */
  abstract stop(): Promise<void>;

  /** One event in common terms. */
  protected abstract translate(variables: Variables): ClientEvent;

  /** Everything that has happened so far. */
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

  /** Waits until it has a lease, looking at events from index `since` on. */
  async waitBound(since = 0, deadlineMs = STEP_MS): Promise<Lease> {
    return leaseOf(await this.waitFor(["bound"], since, deadlineMs));
  }

  /** The addresses on the client's interface. */
  async addresses(): Promise<string[]> {
    const json = await this.host.namespace.exec(["ip", "-j", "-4", "address", "show", "dev", "eth0"]);
    const links = JSON.parse(json) as { addr_info?: { local: string }[] }[];
    return links.flatMap((link) => link.addr_info ?? []).map((info) => info.local);
  }

  /** Lets no unicast from the client to any DHCP server through while `action` runs. */
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
