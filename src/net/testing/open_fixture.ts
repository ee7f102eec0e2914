/**
 * Prints which sockets a program gets with the permissions that it was started with: two lines, the choice, and an echo
 * or the error.
 *
 * usage: deno run [permissions] open_fixture.ts [linux|dgram] [device]
 */

import { openUdp, socketImplementation } from "../open.ts";
import type { UdpSocket } from "../udp.ts";

const LOOPBACK = 0x7f000001;
const [kind, device] = Deno.args;

function print(line: string): void {
  // deno-lint-ignore no-console -- a program's output
  console.log(line);
}

const choice = socketImplementation();
print(choice.kind === "linux" ? "linux" : `dgram, because ${choice.reason}`);
try {
  const socket = await openUdp(
    { address: LOOPBACK, port: 0, ...(device === undefined ? {} : { device }) },
    kind === undefined ? undefined : kind as UdpSocket["kind"],
  );
  socket.receive((bytes) => {
    print(`${socket.kind} received ${bytes.length}`);
    socket.close();
  });
  socket.send(new Uint8Array(3), LOOPBACK, socket.port);
} catch (error) {
  print(error instanceof Error ? `${error.name}: ${error.message}` : "no error");
}
