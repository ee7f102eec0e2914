import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { type Document, parseDocument, stringify } from "yaml";
import { valueInPieces } from "./pieces.ts";

const OPTIONS = { resolveKnownTags: false, uniqueKeys: false, logLevel: "error", prettyErrors: false } as const;

/** The document of a text with nothing wrong. */
function documentOf(text: string): Document.Parsed | undefined {
  const document = parseDocument(text, OPTIONS);
  return document.errors.length + document.warnings.length === 0 && document.contents !== null ? document : undefined;
}

/** Parses in small pieces; how many there were, and the longest. */
function inPieces(text: string, charactersMax: number) {
  let count = 0;
  let longest = 0;
  const parsed = valueInPieces(text, (piece) => {
    count++;
    longest = Math.max(longest, piece.length);
    return documentOf(piece);
  }, charactersMax);
  return { parsed, count, longest };
}

const LISTS = `
service:
  # about the subnets
  subnets:
    - subnet: 10.77.0.0/16
      note: |
        - no item
          - nor this
      reservations:
      - { address: 10.77.0.5, tags: [a,
          b] }
      # between
      - address: 10.77.0.6
        text: "of two
          - lines"

      -
      - - nested
        - twice
      - plain text
        - that goes on
      - last: 1
      pools: [10.77.1.0-10.77.1.9]
    - subnet: 10.78.0.0/16
      reservations: []
  classes:
  - name: x
more: - no list
`.replace("more: - no list\n", "");

Deno.test("pieces: long lists, and lists within lists, come out as from the parser", () => {
  for (const text of [LISTS, LISTS.replaceAll("\n", "\r\n"), LISTS.trimStart(), `---${LISTS}...\n`, `\uFEFF${LISTS}`]) {
    const whole = documentOf(text);
    ok(whole !== undefined);
    for (const charactersMax of [1, 20, 60, 200, 400]) {
      deepStrictEqual(inPieces(text, charactersMax).parsed, { value: whole.toJS() }, `${charactersMax}`);
    }
  }
  const { count, longest } = inPieces(LISTS, 200);
  ok(count > 4 && longest < 400, `${count} pieces, the longest has ${longest} characters`);
});

Deno.test("pieces: whatever is written down comes out as from the parser, or is left to it", () => {
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom("", "- a", "a\n- b\n", "x: y", "#", "word", 7, null, true),
      fc.array(tie("tree"), { maxLength: 6 }),
      fc.dictionary(fc.constantFrom("a", "b c", "- d", "1", "__proto__", "e\nf"), tie("tree"), { maxKeys: 4 }),
    ),
  }));
  let cut = 0;
  fc.assert(
    fc.property(tree, fc.boolean(), fc.nat(4), fc.constantFrom(1, 8, 40), (value, indentSeq, more, charactersMax) => {
      const text = stringify(value, { indentSeq, indent: 1 + more, lineWidth: 20 });
      const whole = documentOf(text);
      if (whole === undefined) return;
      const { parsed, count } = inPieces(text, charactersMax);
      if (count > 1 && parsed !== undefined) cut++;
      if (parsed !== undefined) deepStrictEqual(parsed.value, whole.toJS());
    }),
    { numRuns: 3_000 },
  );
  ok(cut > 300, `${cut} were cut`);
});

Deno.test("pieces: what is wrong, and what has aliases, is left to the parser as a whole", () => {
  for (
    const text of [
      "list:\n- &a 1\n- *a\n- 2\n",
      "list:\n- a: 1\n  a: [\n- 2\n",
      "list:\n- 1\n- 2\n  x: 3\n",
      "- 1\n- 2\n---\n- 3\n",
      "list:\n - 1\n- 2\n",
      "list:\n- !odd 1\n- 2\n",
    ]
  ) strictEqual(inPieces(text, 1).parsed, undefined, text);
});
