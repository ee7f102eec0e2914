import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { loadConfig } from "../src/config/load.ts";
import { configureLog, logger } from "../src/log/configure.ts";
import type { NetworkInterface } from "../src/net/network_interface.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";
import { checkRelay, type RelayConfig, relaySchema } from "./config.ts";
import { RelayService } from "./service.ts";
import { datagram, ip } from "./testing/messages.ts";
import { FakeOpener } from "./testing/sockets.ts";

function config(
  interfaces: string,
  nodes = "{ id: 1, address: 10.99.0.11, health: http://127.0.0.1:9/ }",
  // One probe only, or none: fetch blocks port 9.
  times = "interval: 60s, timeout: 10ms",
): RelayConfig {
  const probe = `probe: { ${times}, ping: false }`;
  const loaded = loadConfig(
    `relay: { interfaces: [${interfaces}] }\nnodes: [${nodes}]\n${probe}\n`,
    relaySchema,
    checkRelay,
  );
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.issues));
  return loaded.value;
}

function ethernet(index: number, ...addresses: string[]): Omit<NetworkInterface, "name"> {
  return {
    index,
    mac: Uint8Array.of(2, 0, 0, 0, 1, index),
    addresses: addresses.map((address) => ({ address: ip(address), prefixLength: 16 })),
  };
}

/** A machine whose interfaces change, and a relay on it. */
async function scene(file: RelayConfig, machine: Record<string, Omit<NetworkInterface, "name">>) {
  const lines: string[] = [];
  configureLog({ level: "info", format: "text" }, { colours: false, journal: true, write: (line) => lines.push(line) });
  const opener = new FakeOpener();
  const service = await RelayService.start(file, {
    log: logger("relay"),
    opener,
    openArp: () => ({ probe: () => true, close: () => {} }),
    listInterfaces: () => Object.entries(machine).map(([name, rest]) => ({ name, ...rest })),
    ping: () => Promise.resolve({ kind: "silent" }),
    now: () => performance.now(),
  });
  /** Sends a client's broadcast in through an interface; returns what went up, and from where. */
  const discover = (device: string, xid = 1): string[] => {
    const before = opener.log.length;
    opener.handlers.get(`${device}/0.0.0.0:67`)?.(datagram({ xid }), 0, 68);
    return opener.log.slice(before);
  };
  return { service, opener, machine, lines, discover };
}

Deno.test("service: adapts to an interface that changes its address, disappears and comes back", async () => {
  const { service, machine, discover, lines, opener } = await scene(config("{ name: lan0 }, { name: lan1 }"), {
    lan0: ethernet(2, "10.77.0.1"),
    lan1: ethernet(3, "10.78.0.1"),
  });
  try {
    deepStrictEqual(discover("lan1"), ["any/10.78.0.1:67 to 10.99.0.11:67"]);
    machine.lan1 = ethernet(3, "10.79.0.1");
    await service.checkInterfaces();
    deepStrictEqual(discover("lan1", 2), ["any/10.79.0.1:67 to 10.99.0.11:67"]);
    match(
      lines.at(-1) ?? "",
      /interfaces changed: relaying for lan0 \(giaddr 10.77.0.1\), lan1 \(giaddr 10.79/,
    );

    delete machine.lan1;
    await service.checkInterfaces();
    strictEqual([...opener.open].some((name) => name.startsWith("lan1/")), false);
    match(lines.at(-1) ?? "", /Cannot relay for lan1: there is no such interface/);
    deepStrictEqual(discover("lan0", 3), ["any/10.77.0.1:67 to 10.99.0.11:67"]);

    machine.lan1 = ethernet(9, "10.78.0.1");
    await service.checkInterfaces();
    deepStrictEqual(discover("lan1", 4), ["any/10.78.0.1:67 to 10.99.0.11:67"]);
  } finally {
    await service.close();
  }
  deepStrictEqual([...opener.open], []);
});

Deno.test("service: an answer arrives although the interface's address has changed meanwhile", async () => {
  const { service, machine, discover, opener } = await scene(config("{ name: lan0 }"), {
    lan0: ethernet(2, "10.77.0.1"),
  });
  try {
    discover("lan0");
    const reply = datagram({ op: 2, type: 2, xid: 1, yiaddr: "10.77.1.9", giaddr: "10.77.0.1", flags: 0x8000 });
    machine.lan0 = ethernet(2, "10.77.0.1", "10.78.0.1");
    await service.checkInterfaces();
    opener.handlers.get("any/10.77.0.1:67")?.(reply, ip("10.99.0.11"), 67);
    strictEqual(opener.log.at(-1), "lan0/10.77.0.1:67 to 255.255.255.255:68");
  } finally {
    await service.close();
  }
});

Deno.test("service: a change that the kernel refuses has no effect, and is tried again", async () => {
  const { service, machine, discover, opener, lines } = await scene(config("{ name: lan0 }"), {
    lan0: ethernet(2, "10.77.0.1"),
  });
  try {
    machine.lan0 = ethernet(2, "10.78.0.1");
    opener.refuse = "any/10.78.0.1:67";
    await service.checkInterfaces();
    await service.checkInterfaces();
    strictEqual(lines.filter((line) => line.includes("Cannot open any/10.78.0.1:67")).length, 1);
    deepStrictEqual(discover("lan0"), ["any/10.77.0.1:67 to 10.99.0.11:67"]);
    opener.refuse = undefined;
    await service.checkInterfaces();
    deepStrictEqual(discover("lan0", 2), ["any/10.78.0.1:67 to 10.99.0.11:67"]);
  } finally {
    await service.close();
  }
});

Deno.test("service: a reload changes nodes and interfaces; open transactions are still answered", async () => {
  const { service, discover, opener } = await scene(config("{ name: lan0 }"), {
    lan0: ethernet(2, "10.77.0.1"),
    lan1: ethernet(3, "10.78.0.1"),
  });
  try {
    discover("lan0");
    await service.reload(
      config("{ name: lan1 }, { name: lan0 }", "{ id: 2, address: 10.99.0.12, health: http://127.0.0.1:9/ }"),
    );
    deepStrictEqual(discover("lan1"), ["any/10.78.0.1:67 to 10.99.0.12:67"]);
    const reply = datagram({ op: 2, type: 2, xid: 1, yiaddr: "10.77.1.9", giaddr: "10.77.0.1", flags: 0x8000 });
    opener.handlers.get("any/10.77.0.1:67")?.(reply, ip("10.99.0.11"), 67);
    strictEqual(opener.log.at(-1), "lan0/10.77.0.1:67 to 255.255.255.255:68");
    deepStrictEqual(service.tracker.states(0).map(({ id }) => id), [2]);
    strictEqual(formatIpv4(service.resolved.forward.nodes[0]?.address ?? 0), "10.99.0.12");
  } finally {
    await service.close();
  }
});

Deno.test("service: starts with some of its interfaces and waits for the others; with none it fails", async () => {
  const { service, lines, machine, discover } = await scene(config("{ name: lan0 }, { name: lan1 }"), {
    lan0: ethernet(2, "10.77.0.1"),
  });
  try {
    match(lines.join(""), /Cannot relay for lan1: there is no such interface/);
    machine.lan1 = ethernet(3, "10.78.0.1");
    await service.checkInterfaces();
    deepStrictEqual(discover("lan1"), ["any/10.78.0.1:67 to 10.99.0.11:67"]);
  } finally {
    await service.close();
  }
  await rejects(scene(config("{ name: lan0 }"), {}), { message: /Cannot relay for lan0: there is no such interface/ });
});

Deno.test("service: a node that left a DISCOVER to another is asked at once whether the subnet is full", async () => {
  for (const full of [[{ subnet: "10.77.0.0/16", unanswered: 1 }], []]) {
    let asked = 0;
    const serve = (said: () => object) =>
      Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => Response.json(said()));
    const first = serve(() => ({ ready: true, full: ++asked === 1 ? [] : full }));
    const second = serve(() => ({ ready: true, full: [] }));
    const node = (id: number, { addr }: Deno.HttpServer<Deno.NetAddr>) =>
      `{ id: ${id}, address: 10.99.0.1${id}, health: "http://127.0.0.1:${addr.port}/readyz" }`;
    const nodes = [node(1, first), node(2, second)].join(", ");
    const { service, discover, opener } = await scene(config("{ name: lan0 }", nodes, "interval: 60s, timeout: 2s"), {
      lan0: ethernet(2, "10.77.0.1"),
    });
    const grade = (index: number) => service.tracker.gradeOf(index);
    try {
      await until(() => grade(0) === "healthy" && grade(1) === "healthy");
      deepStrictEqual(discover("lan0"), ["any/10.77.0.1:67 to 10.99.0.11:67"]);
      await until(() => opener.log.at(-1) === "any/10.77.0.1:67 to 10.99.0.12:67");
      const offer = datagram({ op: 2, type: 2, xid: 1, yiaddr: "10.77.1.9", giaddr: "10.77.0.1", flags: 0x8000 });
      opener.handlers.get("any/10.77.0.1:67")?.(offer, ip("10.99.0.12"), 67);
      await until(() =>
        asked === 2 && (full.length > 0 ? service.tracker.fullNetworks(0).length > 0 : grade(0) !== "healthy")
      );
      strictEqual(grade(0), full.length > 0 ? "healthy" : "suspect");
    } finally {
      await service.close();
      await Promise.all([first.shutdown(), second.shutdown()]);
    }
  }
});

Deno.test("service: nodes whose health URLs are late stay ready, and each request goes to one of them", async () => {
  const LATE_MS = 150;
  let asked = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async () => {
    asked++;
    await new Promise((resolve) => setTimeout(resolve, LATE_MS));
    return Response.json({ ready: true, full: [] });
  });
  const nodes = [1, 2, 3].map((id) =>
    `{ id: ${id}, address: 10.99.0.1${id}, health: "http://127.0.0.1:${server.addr.port}/readyz" }`
  );
  const file = config("{ name: lan0 }", nodes.join(", "), "interval: 100ms, timeout: 20ms");
  const { service, discover } = await scene(file, { lan0: ethernet(2, "10.77.0.1") });
  try {
    await until(() => asked > 3 * 8 && [0, 1, 2].every((index) => service.tracker.gradeOf(index) === "probation"));
    for (let xid = 1; xid <= 10; xid++) strictEqual(discover("lan0", xid).length, 1);
    strictEqual(service.tracker.ready(performance.now()), true);
  } finally {
    await service.close();
    await server.shutdown();
  }
});

async function until(condition: () => boolean): Promise<void> {
  const giveUpMs = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > giveUpMs) throw new Error("It never happens");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
