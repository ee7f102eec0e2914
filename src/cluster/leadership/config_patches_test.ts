import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { ConfigPatches } from "./config_patches.ts";
import type { Configuration } from "./config_replication.ts";
import type { ConfigPatch } from "../wire/messages.ts";

/** Texts begin with their revision. */
function revise(text: string, revision: number): string {
  return text.replace(/^\d+/, String(revision));
}

/** A member that has these configurations; the other member has the revision `theirs`. */
function member(known: Configuration[], { theirs = 0, areRead = true } = {}) {
  const heard = { revision: theirs };
  const patches = new ConfigPatches({
    known: () => known,
    revisionOf: (id) => id === 2 ? heard.revision : undefined,
    areRead: () => areRead,
    revise,
  });
  return { patches, heard };
}

const LONG = "a reservation, ".repeat(50);
const OLD = { revision: 9, text: `9 ${LONG}` };
const NEW = { revision: 10, text: `10 ${LONG}and one more` };

function patchOf(from: Configuration, to: Configuration): ConfigPatch {
  const content = member([to, from], { theirs: from.revision }).patches.textFor(2, to.text, to.revision);
  ok(typeof content !== "string", "it is sent as a patch");
  return content;
}

Deno.test("patches: what is inserted is all that is sent, and makes the same text", () => {
  const patch = patchOf(OLD, NEW);
  deepStrictEqual([patch.inserted, patch.removed, patch.revision, patch.baseRevision], ["and one more", 0, 10, 9]);
  deepStrictEqual(member([OLD]).patches.apply(patch), { kind: "text", text: NEW.text });
  const back = patchOf(NEW, { ...OLD, text: revise(OLD.text, 11), revision: 11 });
  deepStrictEqual(member([NEW]).patches.apply(back), { kind: "text", text: `11 ${LONG}` });
});

Deno.test("patches: any change comes out as it was, or is sent as a whole", () => {
  const part = fc.array(fc.constantFrom("a", "bb", "ccc", "🎛", "\ud800"), { maxLength: 40 }).map((parts) =>
    parts.join("")
  );
  fc.assert(fc.property(part, part, part, part, (head, before, after, tail) => {
    const [from, to] = [before, after].map((middle, index) => ({
      revision: index + 1,
      text: `${index + 1} ${head}${LONG}${middle}${LONG}${tail}`,
    }));
    if (from === undefined || to === undefined) return;
    const content = member([from], { theirs: 1 }).patches.textFor(2, to.text, 2);
    const text = typeof content === "string" ? content : member([from]).patches.apply(content);
    deepStrictEqual(text, typeof content === "string" ? to.text : { kind: "text", text: to.text });
  }));
});

Deno.test("patches: the whole goes to an earlier release, or if the base is another one or little is saved", () => {
  const whole = (given: ReturnType<typeof member>, to = 2, text = NEW.text) =>
    given.patches.textFor(to, text, 10) === text;
  ok(whole(member([OLD], { theirs: 9, areRead: false })));
  ok(whole(member([OLD], { theirs: 8 })));
  ok(whole(member([OLD], { theirs: 9 }), 3));
  ok(whole(member([OLD], { theirs: 9 }), 2, "10 something else"));
  ok(!whole(member([OLD], { theirs: 9 })));
});

Deno.test("patches: what is pushed to the leader has a revision that the leader sets", () => {
  const given = member([OLD], { theirs: 9 });
  const content = given.patches.textFor(2, `1 ${LONG}and one more`, undefined);
  ok(typeof content !== "string" && content.revision === 9 && content.inserted === "and one more");
});

Deno.test("patches: another text of the base's revision, or a changed patch, is not made a text", () => {
  const patch = patchOf(OLD, NEW);
  deepStrictEqual(member([]).patches.apply(patch), { kind: "baseMissing" });
  deepStrictEqual(member([{ revision: 9, text: `${OLD.text}.` }]).patches.apply(patch), { kind: "baseMissing" });
  for (
    const odd of [{ inserted: "and two more" }, { at: 7 }, { at: patch.at - 1, removed: 1 }, { revision: 11 }, {
      digest: patch.digest + 1,
    }]
  ) {
    deepStrictEqual(member([OLD]).patches.apply({ ...patch, ...odd }), { kind: "unfit" }, JSON.stringify(odd));
  }
});

Deno.test("patches: who asked for the whole gets it, until its revision is another one", () => {
  const { patches, heard } = member([NEW, OLD], { theirs: 9 });
  patches.wants(2);
  strictEqual(patches.textFor(2, NEW.text, 10), NEW.text);
  heard.revision = 10;
  ok(typeof patches.textFor(2, `11 ${LONG}and one more`, 11) !== "string");
});
