import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Connection, Connections } from "./connections.ts";
import { HTTP } from "./limits.ts";

/** A ledger with its connections by name. */
function ledger(max: number) {
  const connections = new Connections(max);
  const names = new Map<Connection, string>();
  return {
    connections,
    /** Opens one; the result says which one was closed for it, and why. */
    open(name: string, address: number, nowMs: number): string | undefined {
      const connection = new Connection(address, () => {}, nowMs);
      names.set(connection, name);
      const ending = connections.add(connection);
      return ending && `${names.get(ending.connection)} ${ending.reason}`;
    },
    moved(name: string, phase: Connection["phase"], nowMs: number): void {
      for (const [connection, own] of names) if (own === name) connections.moved(connection, phase, nowMs);
    },
    overdue: (nowMs: number) =>
      connections.overdue(nowMs).map(({ connection, reason }) => `${names.get(connection)} ${reason}`),
  };
}

Deno.test("connections: without room, the one that has been idle for longest goes, and never a busy one", () => {
  const { open, moved, connections } = ledger(3);
  deepStrictEqual([open("a", 1, 0), open("b", 2, 1), open("c", 3, 2)], [undefined, undefined, undefined]);
  moved("a", "handling", 3);
  moved("b", "idle", 4);
  strictEqual(open("d", 4, 5), "c full");
  strictEqual(open("e", 5, 6), "b full");
  moved("d", "sending", 7);
  moved("e", "handling", 7);
  strictEqual(open("f", 6, 8), "f refused");
  strictEqual(connections.size, 3);
});

Deno.test("connections: a client that takes nothing makes room when none is idle", () => {
  const { open, moved } = ledger(2);
  open("a", 1, 0);
  open("b", 2, 0);
  moved("a", "sending", 0);
  moved("b", "sending", 1);
  strictEqual(open("c", 3, HTTP.stalledMs - 1), "c refused");
  moved("a", "sending", HTTP.stalledMs);
  strictEqual(open("c", 3, HTTP.stalledMs + 1), "b full");
});

Deno.test("connections: an address with too many loses its own, however many others are idle", () => {
  const { open, connections } = ledger(HTTP.connectionsPerAddressMax + 10);
  open("other", 2, 0);
  for (let index = 0; index < HTTP.connectionsPerAddressMax; index++) strictEqual(open(`${index}`, 1, 1), undefined);
  strictEqual(open("next", 1, 2), "0 addressFull");
  strictEqual(open("after", 1, 3), "1 addressFull");
  strictEqual(connections.size, HTTP.connectionsPerAddressMax + 1);
});

Deno.test("connections: 17,000 of one address leave room for all others", () => {
  const { open, connections } = ledger(HTTP.connectionsMax);
  for (let index = 0; index < 17_000; index++) open(`${index}`, 1, index);
  strictEqual(connections.size, HTTP.connectionsPerAddressMax);
  strictEqual(open("other", 2, 17_000), undefined);
});

Deno.test("connections: each phase has its time", () => {
  const { open, moved, overdue } = ledger(10);
  for (const name of ["new", "idle", "handling", "sending", "progressing"]) open(name, 1, 0);
  moved("idle", "idle", 0);
  moved("handling", "handling", 0);
  moved("sending", "sending", 0);
  moved("progressing", "sending", HTTP.progressMs);
  deepStrictEqual(overdue(HTTP.headersMs - 1), []);
  deepStrictEqual(overdue(HTTP.headersMs), ["new headers", "sending stalled"]);
  ok(overdue(HTTP.idleMs).includes("idle undefined"), "that is no refusal");
  ok(overdue(HTTP.handleMs).includes("handling unanswered"));
});

Deno.test("connections: what was closed is not counted any more", () => {
  const { connections } = ledger(10);
  const connection = new Connection(1, () => {}, 0);
  connections.add(connection);
  connections.delete(connection);
  connections.moved(connection, "idle", 1);
  strictEqual(connections.size, 0);
  deepStrictEqual(connections.overdue(Infinity), []);
});
