import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { onSignals, type SignalActions, type SignalHost, STOP_MS_MAX } from "./signals.ts";

type Signal = "SIGTERM" | "SIGINT" | "SIGHUP";

/** A process of paper: `send` a signal, let time `pass`, read what happened. */
function scene(actions: Partial<SignalActions>) {
  const events: string[] = [];
  const handlers = new Map<Signal, () => void>();
  const timers: { delayMs: number; callback: () => void }[] = [];
  const host: SignalHost = {
    listen: (signal, handler) => handlers.set(signal, handler),
    after: (delayMs, callback) => timers.push({ delayMs, callback }),
    exit: (code) => events.push(`exit ${code}`),
  };
  onSignals({ stop: () => Promise.resolve(), failed: (message) => events.push(message), ...actions }, host);
  const settle = () => new Promise<void>((resolve) => setTimeout(resolve));
  return {
    events,
    timers,
    listens: (signal: Signal) => handlers.has(signal),
    send: async (signal: Signal) => {
      handlers.get(signal)?.();
      await settle();
    },
  };
}

Deno.test("SIGTERM and SIGINT stop once and exit 0", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const stops: string[] = [];
    const { send, events } = scene({
      stop: (reason) => {
        stops.push(reason);
        return Promise.resolve();
      },
    });
    await send(signal);
    await send("SIGTERM");
    deepStrictEqual(stops, [signal]);
    deepStrictEqual(events, ["exit 0"]);
  }
});

Deno.test("a second SIGINT exits at once, a second SIGTERM does not", async () => {
  const { send, events } = scene({ stop: () => new Promise(() => {}) });
  await send("SIGTERM");
  await send("SIGTERM");
  deepStrictEqual(events, []);
  await send("SIGINT");
  deepStrictEqual(events, ["exit 130"]);
});

Deno.test("stopping that takes too long or fails exits 1", async () => {
  const slow = scene({ stop: () => new Promise(() => {}) });
  await slow.send("SIGTERM");
  strictEqual(slow.timers[0]?.delayMs, STOP_MS_MAX);
  slow.timers[0]?.callback();
  deepStrictEqual(slow.events, ["SIGTERM: not stopped after 5 s; exiting now", "exit 1"]);

  const failing = scene({ stop: () => Promise.reject(new Error("disk full")) });
  await failing.send("SIGINT");
  deepStrictEqual(failing.events, ["SIGINT: stopping failed: disk full", "exit 1"]);
});

Deno.test("SIGHUP reloads, one at a time, and what arrives meanwhile becomes one more", async () => {
  let running = 0;
  let reloads = 0;
  const ends: (() => void)[] = [];
  const { send, events } = scene({
    reload: () => {
      reloads += 1;
      running += 1;
      strictEqual(running, 1);
      return new Promise((resolve) =>
        ends.push(() => {
          running -= 1;
          resolve();
        })
      );
    },
  });
  for (let count = 0; count < 4; count++) await send("SIGHUP");
  strictEqual(reloads, 1);
  ends.shift()?.();
  await send("SIGHUP");
  strictEqual(reloads, 2);
  deepStrictEqual(events, []);
});

Deno.test("a reload that fails is told, and the next one is tried", async () => {
  const { send, events } = scene({ reload: () => Promise.reject(new Error("bad file")) });
  await send("SIGHUP");
  await send("SIGHUP");
  deepStrictEqual(events, ["SIGHUP: reloading failed: bad file", "SIGHUP: reloading failed: bad file"]);
  strictEqual(scene({}).listens("SIGHUP"), false, "without a reload the signal keeps its default");
});
