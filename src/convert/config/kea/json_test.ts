import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type JsonNode, parseJson } from "./json.ts";

/** Values alone. */
function plain(node: JsonNode): unknown {
  switch (node.kind) {
    case "map":
      return Object.fromEntries([...node.entries].map(([key, value]) => [key, plain(value)]));
    case "list":
      return node.items.map(plain);
    case "null":
      return null;
    default:
      return node.value;
  }
}

function read(text: string): unknown {
  const result = parseJson(text);
  return result.ok ? plain(result.root) : `${result.line}: ${result.message}`;
}

Deno.test("parseJson() reads Kea's comments, and a comma too many", () => {
  const text = `# one
  // two " [
  /* three
     # " */ { "a": 1, # four
    "b": [ true, null, ], // five
    "c": { "d": "# // /* no comment */ <?include?>", }, }
  # end`;
  deepStrictEqual(read(text), { a: 1, b: [true, null], c: { d: "# // /* no comment */ <?include?>" } });
  deepStrictEqual(read('[ "\\"#\\\\", "tab\there", "\\u00e9", -1.5e2, .5, -1. ]'), [
    '"#\\',
    "tab\there",
    "é",
    -150,
    0.5,
    -1,
  ]);
});

Deno.test("parseJson() notes includes with their lines and reads on", () => {
  const result = parseJson('{ <?include "/etc/a.json"?>,\n"b": [ 1, <?include\n "c.json" ?> ] }');
  deepStrictEqual(result.ok && result.includes, [{ file: "/etc/a.json", line: 1 }, { file: "c.json", line: 2 }]);
  deepStrictEqual(result.ok && plain(result.root), { b: [1] });
});

Deno.test("parseJson() reads an include in place of a value as null", () => {
  deepStrictEqual(read('{ "a": <?include "a.json"?>, "b": <?include "b.json"?> }'), { a: null, b: null });
});

Deno.test("parseJson() remembers the line of every value", () => {
  const result = parseJson('# c\n{\n  "a": /* x\n */ 1,\n  "b":\n  [ "x",\n { } ] }');
  const lines = (node: JsonNode): unknown => {
    if (node.kind === "map") return [node.line, ...[...node.entries.values()].map(lines)];
    return node.kind === "list" ? [node.line, ...node.items.map(lines)] : node.line;
  };
  deepStrictEqual(result.ok && lines(result.root), [2, 4, [6, 6, [7]]]);
});

Deno.test("parseJson() says what is wrong, and in which line", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["", "1: the end stands where a value was expected"],
    ['{ "a": }', '1: "}" stands where a value was expected'],
    ['{\n "a": nope }', '2: "nope" stands where a value was expected'],
    ["{ a: 1 }", '1: "a" stands where a name in quotes was expected'],
    ['{\n\n"a" 1 }', '3: "1" stands where ":" was expected'],
    ['{ "a": 1\n "b": 2 }', '2: "b" stands where "," or a closing bracket was expected'],
    ["[ 1 2 ]", '1: "2" stands where "," or a closing bracket was expected'],
    ['{ "a": [ 1', '1: the end stands where "," or "]" was expected'],
    ['{ "a": 1 } x', '1: "x" stands after the end of the configuration'],
    ['{ "a": "x\n" }', "1: a text is not closed on its line"],
    ['[ 1,\n "\\q" ]', '2: "\\q" has an escape that JSON doesn\'t know, or a control character'],
    ["{ } /* x", "1: a comment is not closed"],
    ['{\n<?include "x" }', "2: an include is not closed"],
    ["[".repeat(102) + "]".repeat(102), "1: values are nested too deeply: more than 100 brackets are open"],
    ["[\n".repeat(100_000), "101: values are nested too deeply: more than 100 brackets are open"],
    [`/* ${"[".repeat(200)} */ "${"[".repeat(200)}" 1`, '1: "1" stands after the end of the configuration'],
  ];
  for (const [text, expected] of rows) strictEqual(read(text), expected, text.slice(0, 40));
});
