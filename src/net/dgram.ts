/**
 * The portable UDP socket, over node:dgram: for systems other than Linux and for programs that may not call libc.
 *
 * Its limits: It cannot be bound to a device. It learns only later whether the system took a datagram, so `send`
 * returns true for every datagram that it passed on, and `sendErrors` counts afterwards; datagrams sent together may
 * leave in another order. Each batch has one datagram. `close` frees the port one turn of the event loop later. The
 * receive buffer keeps the system's size: Deno 2.9 would allocate that size for every datagram, and Deno 2.6 cannot set
 * it. Deno 2.6 can neither join a multicast group nor choose the interface for one.
 */

import { Buffer } from "node:buffer";
import { createSocket, type Socket } from "node:dgram";
import { bindAttempt, refused } from "./errors.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "./ipv4.ts";
import { type DatagramHandler, SocketError, type UdpOptions, type UdpSocket } from "./udp.ts";

/** The code of an error of node:dgram: the system's name, or Node's own. */
function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.name : "UNKNOWN";
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

class DgramUdpSocket implements UdpSocket {
  readonly kind = "dgram";
  readonly address: Ipv4;
  readonly port: number;
  readonly sendErrors: { count: number; last: string | undefined } = { count: 0, last: undefined };

  readonly #socket: Socket;
  readonly #sent = (error: Error | null) => {
    if (error !== null && error !== undefined) this.#failed(error);
  };
  #handler: DatagramHandler | undefined;
  #batchEnd: (() => void) | undefined;
  #open = true;

  constructor(socket: Socket) {
    this.#socket = socket;
    const local = socket.address();
    this.address = parseIpv4(local.address) ?? 0;
    this.port = local.port;
    // An error that belongs to no send, such as a removed interface. Without a listener it would end the program.
    socket.on("error", (error) => this.#failed(error));
  }

  #failed(error: unknown): false {
    this.sendErrors.count++;
    this.sendErrors.last = `${describe(error)} (${codeOf(error)})`;
    return false;
  }

  receive(handler: DatagramHandler, batchEnd?: () => void): void {
    const first = this.#handler === undefined;
    this.#handler = handler;
    this.#batchEnd = batchEnd;
    if (!first) return;
    this.#socket.on("message", (message, from) => {
      if (!this.#open) return;
      // A copy: node:dgram's own buffer has 64 KiB, even for a short datagram.
      this.#handler?.(new Uint8Array(message), parseIpv4(from.address) ?? 0, from.port);
      if (this.#open) this.#batchEnd?.();
    });
  }

  send(bytes: Uint8Array, to: Ipv4, port: number): boolean {
    if (!this.#open) return this.#failed(new SocketError("EBADF", "the socket is closed"));
    try {
      // A copy: it is sent later, and the caller may write to `bytes` before that.
      this.#socket.send(Buffer.from(bytes), port, formatIpv4(to), this.#sent);
      return true;
    } catch (error) {
      return this.#failed(error);
    }
  }

  joinMulticast(group: Ipv4, on: Ipv4): void {
    const what = `join ${formatIpv4(group)} on ${formatIpv4(on)}`;
    multicast(what, () => this.#socket.addMembership(formatIpv4(group), formatIpv4(on)));
  }

  setMulticast(options: { on: Ipv4; ttl: number; loopback: boolean }): void {
    multicast(`send multicast through ${formatIpv4(options.on)}`, () => {
      this.#socket.setMulticastInterface(formatIpv4(options.on));
      this.#socket.setMulticastTTL(options.ttl);
      this.#socket.setMulticastLoopback(options.loopback);
    });
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.close();
  }
}

function multicast(what: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    const code = codeOf(error);
    throw new SocketError(
      code,
      `Cannot ${what}: node:dgram says ${code}. Give the program --allow-ffi on Linux, use Deno 2.9 or later, ` +
        "or do without multicast.",
    );
  }
}

/** Opens a UDP socket over node:dgram. Rejects with a `SocketError` when the system refuses. */
export async function openDgramUdp(options: UdpOptions): Promise<UdpSocket> {
  const { address, port, device } = options;
  const attempt = bindAttempt(address, port, device);
  if (device !== undefined) {
    throw new SocketError(
      "ENOTSUP",
      `Cannot ${attempt.what}: node:dgram can't bind to a device (ENOTSUP). Run on Linux with --allow-ffi.`,
    );
  }
  // Without the permission, node:dgram throws where the error cannot be caught.
  const permission = await Deno.permissions.request({ name: "net", host: `${formatIpv4(address)}:${port}` });
  if (permission.state !== "granted") {
    throw new SocketError(
      "NotCapable",
      `Cannot ${attempt.what}: the permission is missing (NotCapable). Run deno with --allow-net.`,
    );
  }
  const socket = createSocket({ type: "udp4", reuseAddr: options.reuseAddress === true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ address: formatIpv4(address), port }, () => {
        socket.off("error", reject);
        resolve();
      });
    });
    if (options.broadcast === true) socket.setBroadcast(true);
    return new DgramUdpSocket(socket);
  } catch (error) {
    try {
      socket.close();
    } catch {
      // A socket that failed to bind may be closed already.
    }
    throw refused(codeOf(error), attempt, describe(error));
  }
}
