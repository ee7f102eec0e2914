import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { AUDIT_BYTES_MAX, AUDIT_ENTRIES_MAX, type AuditEntry, AuditLog, auditOffline } from "./audit.ts";

const ENTRY: AuditEntry = { who: "alice", role: "operate", from: "192.0.2.1", action: "POST /drain", status: 200 };

async function inStateDir(body: (stateDir: string) => Promise<void>): Promise<void> {
  const stateDir = await Deno.makeTempDir({ prefix: "dhcpcluster-audit-" });
  try {
    await body(stateDir);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
}

const numbersOf = (text: string) => text.split("\n").filter(Boolean).map((line) => JSON.parse(line).number);

Deno.test("AuditLog: entries are lines of JSON for the node's user only, numbered on after a restart", () =>
  inStateDir(async (stateDir) => {
    const log = await AuditLog.open(stateDir, () => 1_700_000_000_000);
    log.add({ ...ENTRY, request: { drain: true } });
    log.add({ ...ENTRY, action: "PUT /config", request: "x".repeat(10_000), status: 422, result: { error: "bad" } });
    await log.close();
    const path = `${stateDir}/audit.jsonl`;
    strictEqual(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    const lines = (await Deno.readTextFile(path)).trimEnd().split("\n").map((line) => JSON.parse(line));
    deepStrictEqual(lines[0], { number: 1, time: "2023-11-14T22:13:20.000Z", ...ENTRY, request: { drain: true } });
    deepStrictEqual(lines[1].request, { characters: 10_002 });
    deepStrictEqual(lines[1].result, { error: "bad" });
    // The end of the last line was lost with the power.
    await Deno.writeTextFile(path, '{"number":9,"who"', { append: true });
    const again = await AuditLog.open(stateDir, Date.now);
    again.add(ENTRY);
    deepStrictEqual(again.newest({ limit: 10 }).map(({ number }) => number), [1, 2, 3]);
    deepStrictEqual(again.newest({ after: 1, limit: 1 }).map(({ number }) => number), [3]);
    await again.close();
  }));

Deno.test("AuditLog: a full file moves to the former one; files and memory stay bounded, nothing is lost between", () =>
  inStateDir(async (stateDir) => {
    const log = await AuditLog.open(stateDir, Date.now);
    const result = "x".repeat(4_000);
    const count = Math.ceil(1.5 * AUDIT_BYTES_MAX / 4_200);
    for (let index = 0; index < count; index++) log.add({ ...ENTRY, result });
    await log.close();
    const [now = "", former = ""] = await Promise.all(
      ["audit.jsonl", "audit.1.jsonl"].map((name) => Deno.readTextFile(`${stateDir}/${name}`)),
    );
    ok(now.length <= AUDIT_BYTES_MAX && former.length <= AUDIT_BYTES_MAX && now.length > 0);
    deepStrictEqual([...numbersOf(former), ...numbersOf(now)], Array.from({ length: count }, (_, index) => index + 1));
    const again = await AuditLog.open(stateDir, Date.now);
    strictEqual(again.newest({ limit: Infinity }).length, Math.min(count, AUDIT_ENTRIES_MAX));
    await again.close();
  }));

Deno.test("auditOffline() notes a command on a node that does not run", () =>
  inStateDir(async (stateDir) => {
    await auditOffline(stateDir, "members reset", { self: 1 });
    const log = await AuditLog.open(stateDir, Date.now);
    const [entry] = log.newest({ limit: 1 });
    deepStrictEqual([entry?.who, entry?.action, entry?.request], ["local", "members reset", { self: 1 }]);
    await log.close();
  }));
