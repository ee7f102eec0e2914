import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { fromHex } from "../../bytes/hex.ts";
import { parseIpv4 } from "../../net/ipv4.ts";
import { compile, compileText } from "./evaluate.ts";
import { Facts, FieldNumbers, type Request } from "./facts.ts";
import { parseExpression } from "./parse.ts";

const encoder = new TextEncoder();
const PHONE: Request = {
  message: {
    options: new Map([
      [12, new Uint8Array()],
      [60, encoder.encode("Cisco Systems, Inc. IP Phone 7962")],
      [61, Uint8Array.of(1, 0xab, 0xcd)],
      [93, Uint8Array.of(0, 7)],
    ]),
    htype: 1,
    chaddr: fromHex("02005e10aa01") as Uint8Array,
    ciaddr: 0,
  },
  giaddr: parseIpv4("10.79.1.1") as number,
  agent: (code) => code === 1 ? encoder.encode("eth1/7") : undefined,
  known: false,
};

function evaluate(text: string, request: Request = PHONE, members: readonly string[] = []) {
  const parsed = parseExpression(text, "flag");
  if (!parsed.ok) return parsed.problem;
  const fields = new FieldNumbers();
  const run = compile(parsed.expression, { fields, classOf: (name) => name === "voice" ? 0 : undefined });
  const facts = new Facts(request, fields, Uint8Array.of(members.includes("voice") ? 1 : 0));
  return run(facts);
}

Deno.test("parseExpression and compile: what holds of a request", () => {
  const holding = [
    'option[60].text == "Cisco Systems, Inc. IP Phone 7962"',
    'option["vendor-class-identifier"].text.startsWith("Cisco")',
    'option[60].text.contains("IP Phone") && option[60].text.endsWith("62")',
    'option[60].text.matches("^Cisco.*Phone [0-9]{4}$")',
    'option[60].text.substring(0, 5).upperAscii() == "CISCO"',
    // Beyond its end a text has nothing.
    'option[60].text.substring(30, 99) == "962" && option[60].text.substring(99) == ""',
    'option[61].hex == "01abcd" && option[61].hex.startsWith("01a") && option[61].hex.size() == 6',
    "option[93].number == 7 && option[93].number in [7, 9] && option[93].number < 8",
    "option[12].exists && !option[13].exists",
    'agent[1].text == "eth1/7" && agent["circuit-id"].hex == "657468312f37" && agent[2].text == ""',
    'hardware.startsWith("02:00:5e") && hardware in ["02:00:5e:10:aa:01"] && htype == 1',
    'giaddr == "10.79.1.1" && cidr("10.79.0.0/16").containsIP(giaddr) && ciaddr == "0.0.0.0"',
    '!cidr("10.78.0.0/16").containsIP(giaddr) && !cidr("0.0.0.0/0").containsIP(option[60].text)',
    '!known && !member("voice") && !member("unlisted")',
    'known ? false : option[60].text + "/" + agent[1].text == "Cisco Systems, Inc. IP Phone 7962/eth1/7"',
    // An absent number is unequal to each number.
    "option[57].number != 0 && !(option[57].number == 0) && !(option[57].number < 9) && !(option[57].number in [0])",
    // Nor is text of seven octets or more one.
    "option[60].number != 1",
    // Without a right side.
    'false || option[60].exists || option[60].text == "x"',
  ];
  for (const text of holding) strictEqual(evaluate(text), true, text);
  strictEqual(evaluate('member("voice") && known', { ...PHONE, known: true }, ["voice"]), true);
});

Deno.test("parseExpression: what is wrong, where, and what to do", () => {
  const problems: readonly [text: string, problem: string][] = [
    ["option[60].text", '1: it gives text; compare that with something, such as option[60].text == "x"'],
    [
      'option[60] == "a"',
      "1: no such overload: option == string; put .text, .hex, .number or .exists behind the option",
    ],
    [
      "option[60] == option[61]",
      "1: no such overload: option == option; put .text, .hex, .number or .exists behind the option",
    ],
    ['known && option[60].txt == "a"', "21: No such key: txt; put .text, .hex, .number or .exists behind the option"],
    ['known && hardwar == "02"', "10: Unknown variable: hardwar; did you mean hardware?"],
    [
      'option[93].number == "7"',
      "1: no such overload: int == string; compare text with text, and numbers with numbers",
    ],
    ["option.x.text == 'a'", '1: write option[60] or option["vendor-class-identifier"] in front of the dot'],
    [
      "option[255].exists",
      '8: no option from 1 to 254 is called "255"; write a name from the operator\'s guide, or a code',
    ],
    [
      'option["vendor-clas-identifier"].exists',
      '8: no option from 1 to 254 is called "vendor-clas-identifier"; ' +
      'did you mean "vendor-class-identifier"?',
    ],
    ["option[known ? 60 : 61].exists", "8: write text in quotes or a whole number here"],
    ['option[61].hex == "0x01"', '1: "0x01" is never in .hex; write two small digits for each octet, without 0x'],
    ['option[61].hex in ["01", "2"]', '26: "2" is never in .hex; write two small digits for each octet, without 0x'],
    ['hardware == "02-00-00-00-00-01"', '1: "02-00-00-00-00-01" is never in hardware; write it as 02:00:00:00:00:0a'],
    ['hardware.startsWith("AA:")', '1: "AA:" is never in hardware; write it as 02:00:00:00:00:0a'],
    ['option[60].text.matches("(a+")', '25: the pattern lacks a ")" (at its character 4)'],
    ["option[60].text.matches(option[61].text)", "25: write text in quotes or a whole number here"],
    ['cidr("10.79.1.1/16").containsIP(giaddr)', '1: "10.79.1.1/16" is no network; write one such as 10.77.0.0/16'],
    ["[1, 2].exists(x, x == 1)", "1: exists() can't be used here"],
    ["1 + 1 == 2", "1: only text can be joined; write out the number"],
    [
      "option[93].number in [1, -x]",
      "27: Unknown variable: x; known here: option[…], agent[…], hardware, htype, giaddr, " +
      "ciaddr, known; text stands in quotes",
    ],
    ["7.5 == 7.5", "1: write text in quotes or a whole number here"],
    [
      '"a" in option[60].text',
      "1: no such overload: string in string; compare text with text, and numbers with numbers",
    ],
  ];
  for (const [text, problem] of problems) {
    const parsed = parseExpression(text, "flag");
    ok(!parsed.ok, text);
    if (parsed.problem.startsWith("is wrong at character ")) {
      strictEqual(parsed.problem.slice("is wrong at character ".length), problem, text);
    } else strictEqual(parsed.problem, problem, text);
  }
});

Deno.test("parseExpression: size and depth are bounded, and no text makes it throw", () => {
  const refused = [
    `${"(".repeat(60)}known${")".repeat(60)}`,
    "!".repeat(4_000) + "known",
    "known||".repeat(2_000),
    "9".repeat(999),
  ];
  deepStrictEqual(refused.map((text) => parseExpression(text, "flag").ok), refused.map(() => false));
  // Long, but not deep.
  ok(parseExpression(Array(500).fill("known").join("||"), "flag").ok);
  const token = fc.constantFrom(
    ..."( ) [ ] . , ! - && || == in + ? : 1 1.5 \" ' \\ option agent known member cidr text matches null b'a' {} \n"
      .split(" "),
  );
  fc.assert(fc.property(fc.array(token, { maxLength: 20 }), (tokens) => {
    parseExpression(tokens.join(""), "flag");
  }));
  fc.assert(fc.property(fc.string({ maxLength: 20 }), (text) => {
    parseExpression(text, "text");
  }));
});

Deno.test("compileText gives the text of a request, or undefined for what it lacks", () => {
  const textOf = (text: string) => {
    const compiled = compileText(text);
    return "problem" in compiled ? compiled.problem : compiled.textOf(PHONE);
  };
  strictEqual(textOf('agent[1].text + "/" + hardware'), "eth1/7/02:00:5e:10:aa:01");
  strictEqual(textOf("agent[2].hex"), undefined);
  strictEqual(
    textOf("known"),
    "is wrong at character 1: it gives true or false; write what gives text, such as agent[1].hex",
  );
});
