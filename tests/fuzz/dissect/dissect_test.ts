/**
 * Our decoder against the dissector of tshark, which shares nothing with it: the message type, which options
 * there are and their octets, and what is malformed. Ignored where there is no tshark.
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { toHex } from "../../../src/bytes/hex.ts";
import { OPTIONS, type OptionSpec } from "../../../src/dhcp/options/mod.ts";
import { PACKETS } from "../../../src/dhcp/packets_test_data.ts";
import { AT } from "../../../src/dhcp/layout.ts";
import { Dice } from "../dice.ts";
import { Octets } from "../octets.ts";
import { OPTION_CORPUS } from "../surfaces/options.ts";
import { composePacket, PACKET_CORPUS } from "../surfaces/packets.ts";
import { DISAGREEMENTS, judge } from "./disagreements.ts";
import { dissect, type Dissected } from "./tshark.ts";
import { judgeValue, VALUE_DISAGREEMENTS } from "./value_disagreements.ts";

const DATAGRAMS = 20_000;
const VALUES_PER_OPTION = 60;
/** They change how everything else is read. */
const STRUCTURAL = [52, 53];

async function isMissing(): Promise<boolean> {
  try {
    return !(await new Deno.Command("tshark", { args: ["--version"], stdout: "null", stderr: "null" }).output())
      .success;
  } catch {
    return true;
  }
}
const ignore = await isMissing();

Deno.test({
  name: "dissect: of the corpus and its mutants, every disagreement with tshark is explained",
  ignore,
  async fn() {
    const dice = new Dice(1);
    const octets = new Octets(1_400);
    const datagrams: Uint8Array[] = [...PACKET_CORPUS];
    while (datagrams.length < DATAGRAMS) {
      composePacket(dice, octets);
      datagrams.push(octets.view().slice());
    }
    const dissected = await dissect(datagrams);
    strictEqual(dissected.length, datagrams.length);
    const rows = new Map<string, number>();
    const unexplained: string[] = [];
    for (const [index, datagram] of datagrams.entries()) {
      const judged = judge(datagram, dissected[index] as Dissected);
      if (judged === undefined) continue;
      // Of real packets, only the overloaded one is shown in another order.
      if (index < PACKET_CORPUS.length) strictEqual(judged.row?.name, "options in file before those in sname");
      if (judged.row === undefined) unexplained.push(`${judged.what}: ${toHex(datagram)}`);
      else rows.set(judged.row.name, (rows.get(judged.row.name) ?? 0) + 1);
    }
    deepStrictEqual(unexplained.slice(0, 5), []);
    deepStrictEqual(DISAGREEMENTS.map(({ name }) => name).filter((name) => !rows.has(name)), [], "a row is not needed");
    const agreed = datagrams.length - rows.values().reduce((sum, count) => sum + count, 0);
    ok(agreed > 0.8 * datagrams.length, `${agreed} of ${datagrams.length} alike`);
  },
});

Deno.test({
  name: "dissect: of every option, each disagreement with tshark about a value is explained",
  ignore,
  async fn() {
    const dice = new Dice(2);
    const octets = new Octets(250);
    const specs = (Object.values(OPTIONS) as readonly OptionSpec[]).filter(({ code }) => !STRUCTURAL.includes(code));
    const cases = specs.flatMap((spec) =>
      Array.from({ length: VALUES_PER_OPTION }, () => {
        octets.length = 0;
        if (dice.once(2)) octets.append(dice.pick(OPTION_CORPUS));
        else octets.randomise(dice, dice.once(2) ? 4 * dice.roll(5) : dice.roll(20));
        if (dice.once(3)) octets.mutate(dice, dice.pick(OPTION_CORPUS));
        const value = octets.view().slice();
        const datagram = new Uint8Array(576);
        datagram.set(PACKETS.udhcpcDiscover.subarray(0, AT.options));
        datagram.set([53, 1, 1, spec.code, value.length, ...value, 255], AT.options);
        return { spec, value, datagram };
      })
    );
    const dissected = await dissect(cases.map(({ datagram }) => datagram));
    const rows = new Set<unknown>();
    const unexplained: string[] = [];
    for (const [index, { spec, value }] of cases.entries()) {
      const theirs = dissected[index] as Dissected;
      const judged = judgeValue(spec, value, theirs);
      if (judged === undefined) continue;
      if (judged.row !== undefined) rows.add(judged.row);
      else unexplained.push(`${spec.name}: ours ${judged.ours} ${toHex(value)}, tshark: ${theirs.notes.join("; ")}`);
    }
    deepStrictEqual(unexplained.slice(0, 5), []);
    deepStrictEqual(VALUE_DISAGREEMENTS.filter((row) => !rows.has(row)), [], "a row is not needed");
  },
});

Deno.test({
  name: "dissect: a decoder that errs is not explained",
  ignore,
  async fn() {
    const [theirs] = await dissect([PACKETS.windowsRequest]);
    ok(theirs !== undefined);
    strictEqual(judge(PACKETS.windowsRequest, theirs), undefined);
    const errors: Partial<Dissected>[] = [
      { messageType: 1 },
      { xid: 7 },
      { options: theirs.options.slice(1) },
      { options: [...theirs.options, { code: 3, length: 4, value: "0a4d0001" }] },
      { options: theirs.options.map((option) => option.code === 12 ? { ...option, value: "00" } : option) },
      { messageType: undefined },
    ];
    for (const error of errors) {
      const judged = judge(PACKETS.windowsRequest, { ...theirs, ...error } as Dissected);
      ok(judged !== undefined && judged.row === undefined, JSON.stringify(error));
    }
  },
});
