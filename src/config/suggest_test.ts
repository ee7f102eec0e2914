import { strictEqual } from "node:assert/strict";
import { nearest, suggestion } from "./suggest.ts";

const KNOWN = ["leaseTime", "renewTime", "rebindTime", "options", "subnets"];

Deno.test("nearest() forgives one slip in three letters, case and dashes", () => {
  strictEqual(nearest("lease-time", KNOWN), "leaseTime");
  strictEqual(nearest("leaesTime", KNOWN), "leaseTime");
  strictEqual(nearest("option", KNOWN), "options");
  strictEqual(nearest("subnet", KNOWN), "subnets");
});

Deno.test("nearest() stays silent when nothing is near", () => {
  strictEqual(nearest("x", KNOWN), undefined);
  strictEqual(nearest("", KNOWN), undefined);
  strictEqual(nearest("domain-name-servers", KNOWN), undefined);
});

Deno.test("suggestion() lists what is known when nothing is near and there is little", () => {
  strictEqual(suggestion("zzz", ["on", "off"]), "known here: on, off");
  strictEqual(suggestion("of", ["on", "off"]), 'did you mean "on"?');
});
