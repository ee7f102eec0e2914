/**
 * The node's DHCP sockets: one on `dhcp.address`, where relays and renewing clients reach it, and a pair for each
 * interface with clients of its own (`attached.ts`). What they receive goes to one handler together with how to answer
 * it.
 */

import type { Logger } from "@logtape/logtape";
import { CLIENT_PORT, type Message } from "../../src/dhcp/message.ts";
import { isProbeMessage } from "../../src/dhcp/probe_exchange.ts";
import type { Arrival } from "../../src/dhcp/server/query.ts";
import { watchInterfaces } from "../../src/net/interface_watch.ts";
import { listInterfaces } from "../../src/net/interfaces.ts";
import { type Ipv4, UNSPECIFIED } from "../../src/net/ipv4.ts";
import { openArp, openPacket, openUdp } from "../../src/net/open.ts";
import type { UdpSocket } from "../../src/net/udp.ts";
import { AttachedInterfaces, type AttachedState, type ListenerHandler, RECEIVE_BUFFER_BYTES } from "./attached.ts";

/** The open sockets. */
export interface Listeners {
  /** Which implementation serves, for the log. */
  readonly kind: UdpSocket["kind"];
  readonly sendErrors: { readonly count: number; readonly last: string | undefined };
  /** Datagrams that came while the receive buffers were full, or that were too long. */
  readonly dropped: number;
  /** The interfaces with clients of the node's own. */
  readonly interfaces: readonly AttachedState[];
  /** Why no client can reach the node: none of its interfaces can be used, and no relay has used it so far. */
  readonly unreachable: string | undefined;
  close(): void;
}

/** Opens them all or none. Rejects with one line that says what is missing. */
export async function openListeners(
  config: { address: Ipv4; port: number; interfaces: readonly { readonly name: string }[] },
  handler: ListenerHandler,
  log: Logger,
): Promise<Listeners> {
  const main = await openUdp({
    address: config.address,
    port: config.port,
    reuseAddress: config.interfaces.length > 0,
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
  });
  const names = config.interfaces.map(({ name }) => name);
  const attached = new AttachedInterfaces(names, config.port, handler, {
    log,
    listInterfaces,
    openUdp,
    openPacket,
    openArp,
  });
  try {
    await attached.open();
  } catch (error) {
    attached.close();
    main.close();
    throw error;
  }
  const relays = receiveRouted(main, config, handler);
  const watch = names.length === 0 ? undefined : watchInterfaces(() => void attached.check());
  const sockets = () => [main, ...attached.sockets];
  return {
    kind: main.kind,
    get sendErrors() {
      return {
        count: sockets().reduce((sum, socket) => sum + socket.sendErrors.count, 0),
        last: sockets().find((socket) => socket.sendErrors.last !== undefined)?.sendErrors.last,
      };
    },
    get dropped() {
      return sockets().reduce((sum, socket) => sum + ("dropped" in socket ? socket.dropped ?? 0 : 0), 0);
    },
    interfaces: attached.states,
    get unreachable() {
      const problems = attached.states.flatMap(({ problem }) => problem ?? []);
      if (names.length === 0 || problems.length < names.length || relays.answered > 0) return undefined;
      return `interfaces: ${problems.join("; ")}`;
    },
    close() {
      watch?.close();
      attached.close();
      main.close();
    },
  };
}

/** Relays, and clients that renew by unicast. Returns how many replies went to relays. */
function receiveRouted(
  socket: UdpSocket,
  config: { address: Ipv4; port: number },
  handler: ListenerHandler,
): { readonly answered: number } {
  const relays = { answered: 0 };
  const send = (bytes: Uint8Array, reply: Message, arrival: Arrival) => {
    // RFC 2131 §4.1: "the server sends any return messages to the 'DHCP server' port on the BOOTP relay agent".
    if (reply.giaddr !== UNSPECIFIED) {
      relays.answered++;
      return socket.send(bytes, reply.giaddr, config.port);
    }
    // A client that reached us by unicast is on no link of ours: what §4.1 would broadcast goes where it came from.
    const to = reply.ciaddr !== UNSPECIFIED ? reply.ciaddr : arrival.from;
    return socket.send(bytes, to, CLIENT_PORT);
  };
  socket.receive((bytes, from) => {
    if (isProbeMessage(bytes)) {
      const answer = handler.probe(bytes, from);
      if (answer !== undefined) socket.send(answer, from, config.port);
      return;
    }
    handler.datagram(
      bytes,
      { from, serverIdentifier: config.address, receivedOn: config.address, onLink: false },
      send,
    );
  });
  return relays;
}
