/**
 * The history of a run: what clients were told and did, in true time. True time is the machine's own, in milliseconds
 * since the epoch, and counted by monotonic clocks; the clocks of the nodes are what faults make wrong.
 */

/** How a client came to ask. */
export type Asked = "acquire" | "renew" | "rebind" | "reboot";

interface OfClient {
  readonly atMs: number;
  readonly client: number;
  /** Number of the client network. */
  readonly lan: number;
}

/** A DHCPACK that the client waited for. */
export interface Acknowledged extends OfClient {
  readonly kind: "acknowledged";
  readonly asked: Asked;
  readonly askedMs: number;
  readonly address: string;
  /** The address that the client asked for: in a renewal and after a reboot. */
  readonly wanted?: string;
  readonly retransmissions: number;
  /** The end of the lease, and until when the client may go on using the address: it may notice the end late. */
  readonly untilMs: number;
  readonly usedUntilMs: number;
}

/** A DHCPNAK for an address that the client asked for by itself. */
export interface Refused extends OfClient {
  readonly kind: "refused";
  readonly asked: Asked;
  readonly address: string;
}

/** The client asked until its patience, or its lease, was over. */
export interface GivenUp extends OfClient {
  readonly kind: "givenUp";
  readonly asked: Asked;
  readonly askedMs: number;
}

/** The client sent a DHCPRELEASE or a DHCPDECLINE. */
export interface Ended extends OfClient {
  readonly kind: "ended";
  readonly how: "release" | "decline";
  readonly address: string;
}

/** What a client was told or did. */
export type ClientEvent = Acknowledged | Refused | GivenUp | Ended;

/** The result of a probe: of the service after a heal, or of one node. */
export type ProbeEvent =
  | { readonly kind: "served"; readonly atMs: number; readonly probe: number; readonly what: "new" | "renewal" }
  | { readonly kind: "nodeProbed"; readonly atMs: number; readonly probe: number; readonly served: boolean };

/** The clients' process was not on time, so the machine was busy. */
export interface LagEvent {
  readonly kind: "lag";
  readonly atMs: number;
  readonly lagMs: number;
}

/** The last line of the clients. */
export interface StoppedEvent {
  readonly kind: "stopped";
  readonly atMs: number;
  /** Datagrams that they did not read in time. */
  readonly dropped: number;
}

/** One line of the clients' output. */
export type HistoryEvent = ClientEvent | ProbeEvent | LagEvent | StoppedEvent;

/** True time, in milliseconds since the epoch; it does not follow steps of the machine's clock. */
export function trueMs(): number {
  return performance.timeOrigin + performance.now();
}

/** `13:05:12.345`. */
export function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}

/** One readable line. */
export function describeClientEvent(event: ClientEvent): string {
  const who = `${clockTime(event.atMs)} client ${event.client} in lan${event.lan}`;
  switch (event.kind) {
    case "acknowledged": {
      const { asked, address, wanted, askedMs, untilMs, usedUntilMs } = event;
      const other = wanted === undefined || wanted === address ? "" : ` instead of ${wanted}`;
      return `${who}: DHCPACK ${address}${other} (${asked}, first sent ${clockTime(askedMs)}), ` +
        `until ${clockTime(untilMs)}, used until ${clockTime(usedUntilMs)}`;
    }
    case "refused":
      return `${who}: DHCPNAK ${event.address} (${event.asked})`;
    case "givenUp":
      return `${who}: gave up (${event.asked}, first sent ${clockTime(event.askedMs)})`;
    case "ended":
      return `${who}: ${event.how} ${event.address}`;
  }
}
