import { complains, configures, refuses, same } from "../testing.ts";
import { sip } from "./sip.ts";

Deno.test("sip: the examples of RFC 3361 §3.1 and §3.2", () => {
  same(
    sip,
    { kind: "names", names: ["example.com", "example.net"] },
    "00 07 6578616d706c65 03 636f6d 00 07 6578616d706c65 03 6e6574 00",
  );
  same(sip, { kind: "addresses", addresses: [0xc0000201, 0xc0000202] }, "01 c0000201 c0000202");
});

Deno.test("sip: errors point into the whole value", () => {
  refuses(sip, "", "badLength");
  refuses(sip, "02 c0000201", "badValue");
  refuses(sip, "01 c00002", "badLength", 1);
  refuses(sip, "00", "badLength", 1);
  refuses(sip, "00 0561 00", "badLength", 1);
});

Deno.test("sip: configuration takes all names or all addresses", () => {
  configures(sip, ["192.0.2.1"], "01 c0000201");
  configures(sip, "sip.example", "00 03 736970 07 6578616d706c65 00");
  complains(sip, ["192.0.2.1", "sip.example"]);
  complains(sip, ["192.0.2"]);
});
