import { match, strictEqual, throws } from "node:assert/strict";
import { jsonSchemaOf, made, SUBJECTS } from "./reference.ts";

Deno.test("the reference of the configuration is that of the schemas: deno run -A scripts/reference.ts", async () => {
  for (const [file, text] of await made()) {
    strictEqual(await Deno.readTextFile(new URL(`../${file}`, import.meta.url)), text, file);
  }
});

Deno.test("a key that nothing is said of, and one that does not exist, are errors", () => {
  const [node] = SUBJECTS;
  if (node === undefined) throw new Error("the node has a configuration");
  const { "node.id": _, ...fewer } = node.keys;
  throws(() => jsonSchemaOf({ ...node, keys: fewer }), /says nothing of node\.id/);
  throws(
    () => jsonSchemaOf({ ...node, keys: { ...node.keys, "node.colour": ["red", ""] } }),
    /do not exist: node\.colour/,
  );
  match(JSON.stringify(jsonSchemaOf(node)), /"pools":.*"anyOf":\[\{"type":"string"\}/);
});
