import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { ALL_OPTIONS, nearestOptionName, optionByCode, optionByKey, optionByName } from "./lookup.ts";

Deno.test("lookup: by code, by name, by key", () => {
  for (const spec of ALL_OPTIONS) {
    strictEqual(optionByCode(spec.code), spec);
    strictEqual(optionByName(spec.name), spec);
    strictEqual(optionByKey(String(spec.code)), spec);
  }
});

Deno.test("optionByKey() makes a row of bytes for a code without one, and none for what is no code", () => {
  const spec = optionByKey("224");
  deepStrictEqual([spec?.name, spec?.code, spec?.codec.shape], ["224", 224, "bytes"]);
  for (const key of ["0", "255", "300", "01", "", "6.0", "no-such-option", "constructor"]) {
    strictEqual(optionByKey(key), undefined, key);
  }
});

Deno.test("nearestOptionName() finds slips and leaves the rest alone", () => {
  strictEqual(nearestOptionName("router"), "routers");
  strictEqual(nearestOptionName("Domain-Name-Server"), "domain-name-servers");
  strictEqual(nearestOptionName("ntp-server"), "ntp-servers");
  strictEqual(nearestOptionName("completely-different-thing"), undefined);
});
