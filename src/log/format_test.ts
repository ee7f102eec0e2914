import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { configureLog, logger, type LogSettings } from "./configure.ts";

/** What is written for one log call. */
function lines(settings: LogSettings, style: { colours?: boolean; journal?: boolean }, body: () => void): string[] {
  const written: string[] = [];
  configureLog(settings, { colours: false, journal: false, ...style, write: (line) => written.push(line) });
  body();
  return written;
}

const TEXT = { level: "info", format: "text" } as const;
const JSON_LINES = { level: "info", format: "json" } as const;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/;

Deno.test("text lines have time, level, category, message, and the properties that the message leaves out", () => {
  const [line = ""] = lines(TEXT, {}, () => {
    logger("node", "dhcp").info("Offered {address} to {chaddr}", {
      address: 0x0a4d0001,
      chaddr: Uint8Array.of(2, 0, 0, 0, 0, 10),
      circuitId: Uint8Array.of(0x6c, 0x61),
      hostname: "my printer",
      pool: 3,
    });
  });
  match(line, TIME);
  strictEqual(
    line.slice(25),
    'INFO  node.dhcp: Offered 10.77.0.1 to 02:00:00:00:00:0a circuitId=6c61 hostname="my printer" pool=3\n',
  );
});

Deno.test("text lines for the journal carry a priority instead of the time", () => {
  const written = lines(TEXT, { journal: true }, () => {
    logger("relay").warn("Slow");
    logger("relay").error("Broken: {error}", { error: new Error("no route") });
  });
  deepStrictEqual(written, ["<4>relay: Slow\n", "<3>relay: Broken: no route\n"]);
});

Deno.test("colours appear only when asked for", () => {
  const warn = () => logger("relay").warn("Slow", { ms: 3 });
  const escape = String.fromCharCode(27);
  ok(lines(TEXT, { colours: true }, warn)[0]?.includes(`${escape}[33mWARN `));
  ok(!lines(TEXT, {}, warn)[0]?.includes(escape));
});

Deno.test("levels below the configured one are not logged", () => {
  strictEqual(lines(TEXT, {}, () => logger("node").debug("detail")).length, 0);
  strictEqual(lines({ level: "debug", format: "text" }, {}, () => logger("node").debug("detail")).length, 1);
  strictEqual(lines({ level: "error", format: "text" }, {}, () => logger("node").warn("detail")).length, 0);
});

Deno.test("JSON lines keep structure", () => {
  const [line = ""] = lines(JSON_LINES, {}, () => {
    logger("node").info("Offered {address}", {
      address: 0x0a4d0001,
      chaddr: Uint8Array.of(2, 0),
      nested: { giaddr: 1, list: [1n, new Error("x")] },
      seen: new Map([["a", 1]]),
    });
  });
  ok(line.endsWith("}\n"));
  const { time, ...rest } = JSON.parse(line);
  match(time, TIME);
  deepStrictEqual(rest, {
    level: "info",
    logger: "dhcpcluster.node",
    message: "Offered 10.77.0.1",
    properties: {
      address: "10.77.0.1",
      chaddr: "02:00",
      nested: { giaddr: "0.0.0.1", list: ["1", "x"] },
      seen: { a: 1 },
    },
  });
});

Deno.test("whatever a client sends as its name stays on one line and drives no terminal", () => {
  const hostile = "a\r\nINFO  node: forged \x1b[31m\u009b31m\u202e\u2028\u061c\u2066\ufeff";
  for (const settings of [TEXT, JSON_LINES]) {
    const [line = ""] = lines(
      settings,
      {},
      () => logger("node").info("Hello {hostname}", { hostname: hostile, x: hostile }),
    );
    strictEqual(line.indexOf("\n"), line.length - 1);
    ok(!/[\p{Cc}\p{Cf}\u2028]/u.test(line.slice(0, -1)), line);
  }
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      for (const settings of [TEXT, JSON_LINES]) {
        const [line = ""] = lines(settings, {}, () => logger("node").info("{text}", { text, again: text }));
        ok(!/\p{Cc}/u.test(line.slice(0, -1)));
        if (settings === JSON_LINES) strictEqual(JSON.parse(line).properties.text, text.toWellFormed());
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("a record whose properties refer to themselves is logged all the same", () => {
  const loop: Record<string, unknown> = {};
  loop.self = loop;
  for (const settings of [TEXT, JSON_LINES]) {
    strictEqual(lines(settings, {}, () => logger("node").info("x", { loop })).length, 1);
  }
});

Deno.test("braces in a message without properties stay as they are", () => {
  const [line = ""] = lines(TEXT, { journal: true }, () => logger("node").info("literally {{this}}"));
  strictEqual(line, "<6>node: literally {this}\n");
});
