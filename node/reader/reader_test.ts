import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { ConfigReader } from "./reader.ts";

const TEXT = '{"revision":3,"subnets":[{"subnet":"10.77.0.0/16"}]}';
const EDIT = { kind: "reserve", reservation: { address: "10.77.0.5", hardware: "02:00:00:00:00:07" } } as const;

/** Workers with this code, and how many were started. */
function workers(...codes: string[]) {
  let started = 0;
  const startWorker = () => {
    const code = codes[Math.min(started++, codes.length - 1)] ?? "";
    return new Worker(`data:application/javascript,${encodeURIComponent(code)}`, { type: "module" });
  };
  return { startWorker, started: () => started };
}

const ANSWERS = `
  self.postMessage({ kind: "ready" });
  self.onmessage = () => self.postMessage({ kind: "read", reading: { ok: false, problems: ["read"] } });
`;

Deno.test("reader: reads in a worker, one thing after the other", async () => {
  const reader = new ConfigReader();
  const [edited, missing] = await Promise.all([
    reader.read("edit", { text: TEXT, edit: EDIT }),
    reader.read("edit", { text: TEXT, edit: { kind: "unreserve", address: "10.77.0.5" } }),
  ]);
  ok(edited.ok && edited.text.includes("10.77.0.5"));
  deepStrictEqual(missing, { ok: false, problems: ["10.77.0.5 is not reserved"], isMissing: true });
  const own = { dhcp: { address: 1 }, cluster: { nodes: [] } };
  const section = await reader.read("section", { text: edited.text, own });
  ok(section.ok && section.packed.columns.addresses.length === 1);
  reader.close();
  await rejects(reader.read("edit", { text: TEXT, edit: EDIT }), /the node is stopping/);
});

Deno.test("reader: what takes too long is given up, and the next request is read by another worker", async () => {
  const { startWorker, started } = workers("self.onmessage = () => { for (;;); };", ANSWERS);
  const reader = new ConfigReader({ startWorker, deadlineMs: 300 });
  await rejects(reader.read("edit", { text: TEXT, edit: EDIT }), /^Error: it was not read within 0\.3 s, and given up/);
  deepStrictEqual((await reader.read("edit", { text: TEXT, edit: EDIT })).ok, false);
  strictEqual(started(), 2);
  reader.close();
});

Deno.test("reader: a worker that does not start is told by each request, and ends no process", async () => {
  const reader = new ConfigReader({ startWorker: workers("throw new Error('broken');").startWorker });
  const reason = /no configuration can be read until the node is restarted: .*broken/;
  await rejects(reader.read("edit", { text: TEXT, edit: EDIT }), reason);
  await rejects(reader.read("edit", { text: TEXT, edit: EDIT }), reason);
  reader.close();
});

Deno.test("reader: some time after a large text the worker is another one, if another one starts", async () => {
  const large = { text: "x".repeat(300_000), format: "json", current: undefined } as const;
  const soon = () => new Promise((resolve) => setTimeout(resolve, 50));
  const fresh = workers(ANSWERS);
  const reader = new ConfigReader({ startWorker: fresh.startWorker, idleMs: 10 });
  await reader.read("given", { ...large, text: "small" });
  await soon();
  strictEqual(fresh.started(), 1);
  await Promise.all([reader.read("given", large), reader.read("given", large)]);
  await soon();
  await reader.read("given", { ...large, text: "small" });
  strictEqual(fresh.started(), 2);
  await soon();
  strictEqual(fresh.started(), 2);
  reader.close();
  const once = workers(ANSWERS, "throw new Error('not twice');");
  const kept = new ConfigReader({ startWorker: once.startWorker, idleMs: 10 });
  await kept.read("given", large);
  await soon();
  deepStrictEqual(await kept.read("given", large), { ok: false, problems: ["read"] });
  strictEqual(once.started(), 2);
  kept.close();
});

Deno.test("reader: after a large YAML text the worker is another one at once", async () => {
  const { startWorker, started } = workers(ANSWERS);
  const reader = new ConfigReader({ startWorker, idleMs: 60_000 });
  await reader.read("given", { text: "x".repeat(300_000), format: "yaml", current: undefined });
  const deadlineMs = performance.now() + 10_000;
  while (started() < 2 && performance.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 5));
  strictEqual(started(), 2);
  reader.close();
});

Deno.test("reader: closing rejects what is being read", async () => {
  const reader = new ConfigReader({ startWorker: workers("self.onmessage = () => {};").startWorker });
  const reading = reader.read("edit", { text: TEXT, edit: EDIT });
  await new Promise((resolve) => setTimeout(resolve, 10));
  reader.close();
  await rejects(reading, /the node is stopping/);
});
