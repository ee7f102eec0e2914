import { ok, rejects, strictEqual } from "node:assert/strict";
import { DelayLink } from "./lab/delay_link.ts";
import { Firewall } from "./lab/firewall.ts";
import { ping, type PingResult } from "./lab/ping.ts";
import { Topology } from "./lab/topology.ts";
import type { Host, NodeHost } from "./lab/topology.ts";
import { until } from "./lab/wait.ts";
import { WrongClock } from "./lab/wrong_clock.ts";
import { e2e } from "./register.ts";

const PORT = 6767;

e2e(
  "the laboratory: an unplugged cable passes nothing until it is plugged in again",
  () =>
    withTwoNodes(async (topology, one, two) => {
      strictEqual(await reaches(one, two), true);
      await topology.unplug(two);
      strictEqual(await reaches(one, two), false);
      await topology.replug(two);
      strictEqual(await reaches(one, two), true);
    }),
);

e2e(
  "the laboratory: a firewall cuts off everything, one peer, one port or one direction",
  () =>
    withTwoNodes(async (topology, one, two) => {
      const three = await topology.node(3);
      const firewall = new Firewall(two.namespace);
      const url = await webServer(two);
      strictEqual(await reaches(one, two), true);
      ok((await download(one, url)) > 0);

      await firewall.drop({});
      strictEqual(await reaches(one, two), false);

      await firewall.drop({ peers: [one.address] });
      strictEqual(await reaches(one, two), false);
      strictEqual(await reaches(three, two), true);

      await firewall.drop({ port: PORT });
      strictEqual(await reaches(one, two), true);
      await rejects(download(one, url));

      await firewall.drop({ direction: "in" });
      let echoesBefore = await echoesSeen(one);
      strictEqual(await reaches(two, one), false);
      strictEqual(await echoesSeen(one) > echoesBefore, true, "what goes out arrives");
      await firewall.drop({ direction: "out" });
      echoesBefore = await echoesSeen(one);
      strictEqual(await reaches(two, one), false);
      strictEqual(await echoesSeen(one), echoesBefore, "nothing goes out");

      await firewall.open();
      strictEqual(await reaches(one, two), true);
      ok((await download(one, url)) > 0);
    }),
);

e2e("the laboratory: a firewall drops a share of all packets", () =>
  withTwoNodes(async (_, one, two) => {
    await new Firewall(two.namespace).drop({ direction: "in", ratio: 0.3 });
    const { sent, received } = await ping(one.namespace, two.address, { count: 1_000, intervalMs: 2 });
    const lost = 1 - received / sent;
    // Six standard deviations.
    ok(lost > 0.21 && lost < 0.39, `${lost} of the packets were lost`);
  }));

e2e(
  "the laboratory: a delay link delays both directions by a changeable time, and carries everything",
  () =>
    withTwoNodes(async (topology, one, two) => {
      const link = await DelayLink.insert(topology, two);
      // A machine that does other things as well takes its time.
      const within = ({ medianMs }: PingResult, lowMs: number, highMs: number) =>
        ok(medianMs >= lowMs && medianMs <= highMs, `the median of the round trips took ${medianMs} ms`);
      const measure = () => ping(one.namespace, two.address, { count: 30, intervalMs: 10 });
      within(await measure(), 0, 20);
      await link.set({ delayMs: 50 });
      within(await measure(), 100, 120);
      await link.set({ delayMs: 50, jitterMs: 10 });
      const unsteady = await measure();
      within(unsteady, 80, 140);
      ok(unsteady.maxMs - unsteady.minMs > 8, `they took ${unsteady.minMs} to ${unsteady.maxMs} ms`);

      await link.set({ delayMs: 5 });
      await two.namespace.exec(["sh", "-c", "echo 0 > /proc/sys/net/ipv4/icmp_echo_ignore_broadcasts"]);
      const group = await ping(one.namespace, "224.0.0.1", { count: 3, intervalMs: 10, device: "eth0" });
      ok(group.received > 0, "multicast passes");

      const start = performance.now();
      const flood = await ping(one.namespace, two.address, { count: 20_000, inFlight: 64 });
      const perSecond = Math.round(flood.received / (performance.now() - start) * 1_000);
      strictEqual(flood.received, flood.sent);
      ok(perSecond > 1_000, `${perSecond} round trips/s`);

      // Segments that the sender leaves to its network card, which veth has none of.
      strictEqual(await download(one, await webServer(two)), FILE_BYTES);
      await topology.unplug(two);
      strictEqual(await reaches(one, two), false);
      await topology.replug(two);
      strictEqual(await reaches(one, two), true);
    }),
);

e2e(
  "the laboratory: a clock is wrong for one process only and can be set while it runs",
  () =>
    withTwoNodes(async (_, { namespace }) => {
      const clock = new WrongClock(namespace.folder("clock"));
      clock.set(3_600);
      const code = `
      let last = 0;
      setInterval(() => {
        const now = performance.now();
        console.log(Math.round(Date.now() / 1000), now > last);
        last = now;
      }, 50);`;
      const process = namespace.spawn([Deno.execPath(), "eval", code], { label: "clock", env: clock.env });
      const aheadSeconds = () => {
        process.mustRun();
        const last = /(\d+) true\n$/.exec(process.output.text);
        return last === null ? undefined : Number(last[1]) - Date.now() / 1_000;
      };
      const shows = (seconds: number) =>
        until(`a clock that is ${seconds} s ahead`, 10_000, () => Math.abs((aheadSeconds() ?? Infinity) - seconds) < 2);
      await shows(3_600);
      clock.set(-60);
      await shows(-60);
      clock.set(0);
      await shows(0);
      strictEqual(process.output.text.includes("false"), false, "performance.now() never went back");
    }),
);

const FILE_BYTES = 8 * 1024 * 1024;

async function withTwoNodes(run: (topology: Topology, one: NodeHost, two: NodeHost) => Promise<void>): Promise<void> {
  await using topology = await Topology.build();
  await run(topology, await topology.node(1), await topology.node(2));
}

/** Whether a ping and its answer get through. */
async function reaches(from: Host, to: NodeHost): Promise<boolean> {
  return (await ping(from.namespace, to.address, { count: 1, timeoutMs: 400 })).received === 1;
}

/** How many echo requests a machine has received. */
async function echoesSeen(host: Host): Promise<number> {
  const rows = (await host.namespace.exec(["cat", "/proc/net/snmp"])).split("\n").filter((row) =>
    row.startsWith("Icmp:")
  );
  const [names = [], values = []] = rows.map((row) => row.split(" "));
  return Number(values[names.indexOf("InEchos")]);
}

/** Serves a file on the port of the cluster; returns its URL. */
async function webServer(host: NodeHost): Promise<string> {
  const folder = host.namespace.folder("www");
  await Deno.writeFile(`${folder}/file`, crypto.getRandomValues(new Uint8Array(65_536)));
  await Deno.truncate(`${folder}/file`, FILE_BYTES);
  const command = ["busybox", "httpd", "-f", "-p", String(PORT), "-h", folder];
  const server = host.namespace.spawn(command, { label: `httpd in ${host.namespace.name}` });
  await until("a web server", 5_000, () => server.tcpPortListens(PORT));
  return `http://${host.address}:${PORT}/file`;
}

/** Octets that were downloaded. */
async function download(host: Host, url: string): Promise<number> {
  const command = ["curl", "--silent", "--fail", "--max-time", "5", "--connect-timeout", "0.4"];
  return Number(
    await host.namespace.exec([...command, "--output", "/dev/null", "--write-out", "%{size_download}", url]),
  );
}
