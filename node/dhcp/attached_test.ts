import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { configureLog, logger } from "../../src/log/configure.ts";
import { formatIpv4 } from "../../src/net/ipv4.ts";
import { ip } from "../../src/dhcp/server/testing.ts";
import type { NetworkInterface } from "../../src/net/network_interface.ts";
import type { PacketSocket } from "../../src/net/packet.ts";
import type { DatagramHandler, UdpSocket } from "../../src/net/udp.ts";
import { AttachedInterfaces } from "./attached.ts";

function ethernet(index: number, ...addresses: string[]): Omit<NetworkInterface, "name"> {
  return {
    index,
    mac: Uint8Array.of(2, 0, 0, 0, 0, index),
    addresses: addresses.map((address) => ({ address: ip(address), prefixLength: 24 })),
  };
}

/** A machine with one interface, which changes, and a node on it. */
function scene(first: Omit<NetworkInterface, "name"> | undefined) {
  const lines: string[] = [];
  configureLog({ level: "info", format: "text" }, { colours: false, journal: true, write: (line) => lines.push(line) });
  const machine = { lan0: first, refuses: false };
  const open: string[] = [];
  const seen: string[] = [];
  const handlers: DatagramHandler[] = [];
  let count = 0;
  const socket = (kind: string) => {
    const name = `${kind}${++count}`;
    open.push(name);
    return { sendErrors: { count: 0, last: undefined }, close: () => void open.splice(open.indexOf(name), 1) };
  };
  const attached = new AttachedInterfaces(["lan0"], 67, {
    datagram: (_bytes, { receivedOn, serverIdentifier, further = [] }) => {
      strictEqual(serverIdentifier, receivedOn);
      seen.push([receivedOn, ...further].map(formatIpv4).join(" "));
    },
    probe: () => undefined,
    overheard: () => {},
  }, {
    log: logger("test"),
    listInterfaces: () => machine.lan0 === undefined ? [] : [{ name: "lan0", ...machine.lan0 }],
    openUdp: () =>
      machine.refuses ? Promise.reject(new Error("Cannot bind 0.0.0.0:67 on lan0")) : Promise.resolve(
        { ...socket("udp"), receive: (handler: DatagramHandler) => void handlers.push(handler) } as UdpSocket,
      ),
    openArp: () => ({ probe: () => true, close: () => {} }),
    openPacket: () => socket("packet") as PacketSocket,
  });
  return {
    attached,
    open,
    seen,
    lines,
    change: async (changes: Partial<typeof machine>) => {
      Object.assign(machine, changes);
      await attached.check();
    },
    receive: () => handlers.at(-1)?.(new Uint8Array(), 0, 68),
  };
}

Deno.test("attached: an address that changes is used at once, with the sockets as they are", async () => {
  const { attached, open, seen, change, receive, lines } = scene(ethernet(2, "10.77.0.1"));
  await attached.open();
  strictEqual(lines.length, 0, "the start is told elsewhere");
  await change({ lan0: ethernet(2, "10.77.0.2", "10.78.0.2") });
  await change({});
  receive();
  deepStrictEqual([open, seen], [["udp1", "packet2"], ["10.77.0.2 10.78.0.2"]]);
  strictEqual(lines.length, 1);
  match(lines[0] ?? "", /lan0 is served as 10.77.0.2 and 10.78.0.2/);
  attached.close();
  deepStrictEqual(open, []);
});

Deno.test("attached: an interface made again, or with another hardware address, gets new sockets", async () => {
  const { attached, open, change, lines } = scene(undefined);
  await attached.open();
  match(attached.states[0]?.problem ?? "", /there is no interface lan0/);
  await change({ lan0: ethernet(2, "10.77.0.1") });
  deepStrictEqual(open, ["udp1", "packet2"]);
  await change({ lan0: ethernet(3, "10.77.0.1") });
  deepStrictEqual(open, ["udp3", "packet4"], "removed and made between two checks");
  await change({ lan0: { ...ethernet(3, "10.77.0.1"), mac: Uint8Array.of(2, 0, 0, 0, 0, 9) } });
  deepStrictEqual(open, ["udp5", "packet6"]);
  await change({ lan0: ethernet(3) });
  match(attached.states[0]?.problem ?? "", /lan0 has no IPv4 address/);
  await change({ lan0: undefined });
  deepStrictEqual(open, []);
  strictEqual(lines.filter((line) => line.includes("is served")).length, 2);
  strictEqual(lines.filter((line) => line.includes("is not served")).length, 3);
});

Deno.test("attached: a socket that can't be opened ends the start; later it is tried again", async () => {
  const { attached, open, change, lines } = scene(ethernet(2, "10.77.0.1"));
  await attached.open();
  await change({ lan0: ethernet(3, "10.77.0.1"), refuses: true });
  await change({});
  match(attached.states[0]?.problem ?? "", /Cannot bind/);
  strictEqual(lines.length, 1, "said once");
  await change({ refuses: false });
  deepStrictEqual([attached.states[0]?.problem, open], [undefined, ["udp3", "packet4"]]);
  await change({ refuses: true, lan0: ethernet(4, "10.77.0.1") });
  await rejects(attached.open(), { message: /Cannot bind/ });
  await change({ lan0: { ...ethernet(5, "10.77.0.1"), mac: new Uint8Array() } });
  await rejects(attached.open(), { message: /not an Ethernet interface/ });
});
