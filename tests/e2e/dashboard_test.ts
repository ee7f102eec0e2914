/**
 * The dashboards in a real browser, in front of three nodes and a relay on loopback. Screenshots go to
 * `coverage/dashboard`.
 */

import { HTTP } from "../../src/http/limits.ts";
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { makeKeyFile } from "../../node/cluster/cluster_key.ts";
import { localAdminClient } from "../../node/admin/local_socket.ts";
import { chooseNetwork, type DemoNetwork, type DemoNode, nodeYaml, relayYaml } from "../../scripts/demo/network.ts";
import { type RunningProgram, startProgram } from "../../scripts/demo/programs.ts";
import { until } from "./lab/wait.ts";
import { e2e } from "./register.ts";

const SHOTS = new URL("../../coverage/dashboard/", import.meta.url).pathname;
const TOKEN = "0123456789abcdef0123456789abcdef";
const DEADLINE_MS = 20_000;
const HOSTILE = "<img/src=x/onerror=window.hacked=1>";
const CHROMIUM = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Three nodes and a relay. */
class Site {
  readonly network: DemoNetwork = chooseNetwork();
  readonly folder = Deno.makeTempDirSync({ prefix: "dhcpcluster-dashboard-" });
  readonly nodes = new Map<number, RunningProgram>();
  #relay: RunningProgram | undefined;

  async start(): Promise<void> {
    await makeKeyFile(`${this.folder}/cluster.key`);
    await Deno.writeTextFile(`${this.folder}/token`, TOKEN, { mode: 0o600 });
    for (const node of this.network.nodes) await this.#node(node);
    // The relay probes the nodes themselves: this test is not about distances.
    const direct = {
      ...this.network,
      nodes: this.network.nodes.map((node) => ({ ...node, healthPort: node.httpPort })),
    };
    await Deno.writeTextFile(`${this.folder}/relay.yaml`, relayYaml(direct));
    this.#relay = startProgram("relay", `${this.folder}/relay.yaml`, () => {});
    for (const [id, program] of this.nodes) await program.ready(`${this.url(id)}/readyz`);
    await this.#relay.ready(`${this.relayUrl}/readyz`);
  }

  async #node(node: DemoNode): Promise<void> {
    const file = `${this.folder}/node${node.id}.yaml`;
    const port = `port: ${node.httpPort}`;
    const yaml = nodeYaml(this.network, node, this.folder).replace(port, `${port}\n  tokenFile: ${this.folder}/token`);
    await Deno.writeTextFile(file, yaml);
    this.nodes.set(node.id, startProgram("node", file, () => {}));
  }

  url(id: number): string {
    return `http://127.0.0.1:${this.network.nodes.find((node) => node.id === id)?.httpPort}`;
  }

  get relayUrl(): string {
    return `http://127.0.0.1:${this.network.relayHttpPort}`;
  }

  async grant(count: number): Promise<void> {
    const expires = new Date(Date.now() + 600_000).toISOString();
    const leases = Array.from({ length: count }, (_, index) => ({
      address: `127.77.1.${index}`,
      client: { chaddr: `02:00:00:00:00:${index.toString(16).padStart(2, "0")}` },
      hostname: index === 7 ? HOSTILE : `host-${index}`,
      expires,
    }));
    const { status } = await localAdminClient(`${this.folder}/state1`)({
      method: "POST",
      path: "/leases/import",
      body: { leases },
    });
    strictEqual(status, 200);
  }

  async stop(): Promise<void> {
    await this.#relay?.stop();
    await Promise.all([...this.nodes.values()].map((program) => program.stop()));
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A page that records its errors and requests. */
async function open(
  browser: Browser,
  url: string,
  width: number,
  dark: boolean,
): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage();
  await page.setViewport({ width, height: 900, deviceScaleFactor: width < 500 ? 2 : 1 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
  const faults: string[] = [];
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) faults.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  return { page, faults };
}

/** Opens far more event streams than an address may have; returns a function that closes them. */
async function crowd(url: string): Promise<() => void> {
  const abort = new AbortController();
  for (let count = 0; count < 3 * HTTP.connectionsPerAddressMax; count++) {
    strictEqual((await fetch(url, { signal: abort.signal })).status, 200, `stream ${count}`);
  }
  return () => abort.abort();
}

const textOf = (page: Page, id: string) =>
  page.$eval(`#${id}`, (element) => (element as unknown as { innerText: string }).innerText);

async function says(page: Page, id: string, wanted: RegExp): Promise<void> {
  let text = "";
  await until(`#${id} to say ${wanted}`, DEADLINE_MS, async () => wanted.test(text = await textOf(page, id)))
    .catch((error) => {
      throw new Error(`${error.message}; it says: ${text}`);
    });
}

async function shoot(page: Page, name: string): Promise<void> {
  await Deno.mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: `${SHOTS}${name}.png`, fullPage: true });
}

const tooWide = (page: Page) =>
  page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") as Promise<number>;

e2e(
  "the dashboards show node and relay live and in any width, and treat nothing from the network as HTML",
  async () => {
    const site = new Site();
    const browser = await puppeteer.launch({ executablePath: "/usr/bin/chromium", headless: true, args: CHROMIUM });
    try {
      await site.start();
      await site.grant(60);

      const { page, faults } = await open(browser, site.url(1), 1_280, false);
      await says(page, "verdict", /3 of 3 nodes serve[^]*node 3 leads \(term \d+\)[^]*% of 127\.77\.0\.0\/16 used/);
      await says(page, "members", /3\s+127\.99\.0\.13\s+serves\s+leads/);
      await says(page, "leases", /host-0\b[^]*10m left|host-0\b[^]*9m/);
      await says(page, "leases", /<img\/src=x\/onerror=window\.hacked=1>/);
      strictEqual(await page.evaluate("window.hacked"), undefined, "a host name is text");
      for (const [begun, found] of [["127.77.1.", 25], ["127.78.", 0]] as const) {
        await page.$eval("#text", (field) => ((field as unknown as { value: string }).value = ""));
        await page.type("#text", begun);
        await until(
          `${found} leases for ${begun}`,
          DEADLINE_MS,
          async () => (await page.$$("#leases tbody tr")).length === found,
        );
      }
      await page.$eval("#text", (field) => ((field as unknown as { value: string }).value = ""));
      await page.type("#text", "HOST-42");
      await until("one lease to be found", DEADLINE_MS, async () => (await page.$$("#leases tbody tr")).length === 1);
      match(await textOf(page, "leases"), /127\.77\.1\.42/);
      await page.$eval("#text", (field) => ((field as unknown as { value: string }).value = ""));
      await page.type("#text", " ");
      await until(
        "the first page to be back",
        DEADLINE_MS,
        async () => (await page.$$("#leases tbody tr")).length === 25,
      );
      await page.click("#next");
      await says(page, "leases", /127\.77\.1\.25/);
      await page.click("#previous");
      await says(page, "leases", /127\.77\.1\.0/);
      await says(page, "pools", /127\.77\.1\.0-127\.77\.1\.255[^]*60 leased/);
      await until("charts", DEADLINE_MS, async () => (await page.$$("svg.chart path")).length >= 3);
      await shoot(page, "node");
      const [wrong, right] = ["none-that-any-node-knows", TOKEN];
      const dialogs: string[] = [];
      page.on("dialog", async (dialog) => {
        dialogs.push(`${dialog.type()}: ${dialog.message()}`);
        await dialog.accept(dialogs.length === 1 ? wrong : right);
      });
      // The list is drawn anew while one reaches for a button: a locator looks again.
      const end = page.locator('[data-end="127.77.1.3"]');
      await end.click();
      await until("the wrong token to be refused", DEADLINE_MS, () => Promise.resolve(dialogs.length === 2));
      await end.click();
      await until(
        "the lease to be gone",
        DEADLINE_MS,
        async () => (await page.$$('[data-end="127.77.1.3"]')).length === 0,
      );
      strictEqual(dialogs[2], "prompt: To end 127.77.1.3, give a token with the role operate:");
      // The browser tells of the refusal, too.
      match(faults.splice(0).join(), /^error: Failed to load resource: [^,]* 401 [^,]*$/);
      const leader = await open(browser, site.url(3), 1_280, true);
      await says(leader.page, "pools", /node 1\s[^]* of \d+ used[^]*node 2\s[^]*node 3\s/);
      await shoot(leader.page, "leader-dark");
      deepStrictEqual(leader.faults, []);
      await leader.page.close();

      const relay = await open(browser, site.relayUrl, 1_280, false);
      await says(relay.page, "verdict", /Requests go to node \d/);
      await says(relay.page, "nodes", /127\.99\.0\.11\s+healthy[^]*127\.99\.0\.13\s+healthy/);
      const phone = await open(browser, site.url(1), 390, true);
      await says(phone.page, "verdict", /3 of 3 nodes serve/);

      // Streams that others hold open, from the same address too, keep no page out.
      const leave = await crowd(`${site.url(3)}/events`);
      const latest = await open(browser, site.url(3), 1_280, false);
      await says(latest.page, "verdict", /3 of 3 nodes serve/);
      leave();
      await latest.page.close();

      const killedMs = performance.now();
      await site.nodes.get(2)?.kill();
      await says(page, "verdict", /2 of 3 nodes serve[^]*Node 2 \(127\.99\.0\.12\) is silent/);
      await says(page, "members", /127\.99\.0\.12\s+silent/);
      ok(performance.now() - killedMs < 8_000, "seen within seconds");
      await says(relay.page, "nodes", /127\.99\.0\.12\s+(not ready|unreachable)/);
      await says(page, "events", /Node 2 is silent/);
      await shoot(page, "node-degraded");
      await says(phone.page, "verdict", /2 of 3 nodes serve/);
      for (const [name, at] of [["phone", phone.page], ["relay", relay.page]] as const) {
        await shoot(at, name);
        ok(await tooWide(at) <= 0, `${name}: nothing sticks out`);
      }
      await relay.page.setViewport({ width: 390, height: 844, deviceScaleFactor: 2 });
      await shoot(relay.page, "relay-phone");
      ok(await tooWide(relay.page) <= 0, "relay on a phone: nothing sticks out");
      deepStrictEqual([faults, relay.faults, phone.faults], [[], [], []]);

      await site.nodes.get(1)?.kill();
      await until(
        "the page to show that the node does not answer",
        DEADLINE_MS,
        async () => /^No connection\s+since/.test(await textOf(page, "verdict")),
      );
      await shoot(page, "node-lost");
    } finally {
      await browser.close();
      await site.stop();
    }
  },
);
