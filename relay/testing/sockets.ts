/** In-memory fake sockets. */

import { formatIpv4 } from "../../src/net/ipv4.ts";
import type { PacketHandler, PacketSocket } from "../../src/net/packet.ts";
import { type DatagramHandler, SocketError, type UdpOptions, type UdpSocket } from "../../src/net/udp.ts";
import type { SocketOpener } from "../sockets/relay_sockets.ts";

/** Sockets that record every call. `refuse` names one that fails to open. */
export class FakeOpener implements SocketOpener {
  readonly log: string[] = [];
  readonly open = new Set<string>();
  readonly handlers = new Map<string, DatagramHandler>();
  readonly frames = new Map<string, PacketHandler>();
  refuse: string | undefined;

  constructor(refuse?: string) {
    this.refuse = refuse;
  }

  #register(name: string): void {
    if (name === this.refuse) throw new SocketError("EACCES", `Cannot open ${name}`);
    this.open.add(name);
  }

  openUdp(options: UdpOptions): Promise<UdpSocket> {
    const name = `${options.device ?? "any"}/${formatIpv4(options.address)}:${options.port}`;
    try {
      this.#register(name);
    } catch (error) {
      return Promise.reject(error);
    }
    return Promise.resolve({
      kind: "linux",
      address: options.address,
      port: options.port,
      sendErrors: { count: 0, last: undefined },
      receive: (handler) => void this.handlers.set(name, handler),
      send: (_bytes, to, port) => this.log.push(`${name} to ${formatIpv4(to)}:${port}`) > 0,
      joinMulticast() {},
      setMulticast() {},
      close: () => void this.open.delete(name),
    });
  }

  openPacket(device: string): PacketSocket {
    const name = `${device}/packets`;
    this.#register(name);
    return {
      device,
      interfaceIndex: 2,
      mac: new Uint8Array(6),
      sendErrors: { count: 0, last: undefined },
      malformed: 0,
      receive: (port, handler) => void this.frames.set(`${name} to ${port}`, handler),
      send: (_bytes, { destinationMac, source, sourcePort, destination, destinationPort }) =>
        this.log.push(
          `${name} ${destinationMac.join(":")} ${formatIpv4(source)}:${sourcePort} to ` +
            `${formatIpv4(destination)}:${destinationPort}`,
        ) > 0,
      close: () => void this.open.delete(name),
    };
  }
}
