/**
 * A program that receives its own datagram and closes its sockets: it must then end by itself.
 *
 * usage: deno run exit_fixture.ts linux|dgram
 */

import { openUdp } from "../open.ts";
import type { UdpSocket } from "../udp.ts";

const LOOPBACK = 0x7f000001;

const kind = Deno.args[0] as UdpSocket["kind"];
const idle = await openUdp({ address: LOOPBACK, port: 0 }, kind);
idle.receive(() => {});

const socket = await openUdp({ address: LOOPBACK, port: 0 }, kind);
socket.receive((bytes) => {
  // Within a round; the other socket is closed while the reactor waits for datagrams.
  socket.close();
  setTimeout(() => idle.close(), 20);
  // deno-lint-ignore no-console -- a program's output
  console.log(`received ${bytes.length}`);
});
socket.send(new Uint8Array(3), LOOPBACK, socket.port);
