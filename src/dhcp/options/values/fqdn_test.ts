import { complains, reads, refuses, same } from "../testing.ts";
import { fqdn } from "./fqdn.ts";

Deno.test("fqdn: the complete and the partial name of RFC 4702 §2.3.1", () => {
  const rest = { flags: 4, rcode1: 0, rcode2: 0 };
  same(
    fqdn,
    { ...rest, name: "myhost.example.com", complete: true },
    "04 00 00 06 6d79686f7374 07 6578616d706c65 03 636f6d 00",
  );
  same(fqdn, { ...rest, name: "myhost", complete: false }, "04 00 00 06 6d79686f7374");
});

Deno.test("fqdn: ASCII when E is clear, as Windows sends it", () => {
  same(fqdn, { flags: 0, rcode1: 0, rcode2: 0, name: "pc", complete: false }, "00 00 00 7063");
});

Deno.test("fqdn: no name leaves it to the server", () => {
  same(fqdn, { flags: 5, rcode1: 255, rcode2: 255, name: "", complete: false }, "05 ff ff");
  reads(fqdn, "000000", { flags: 0, rcode1: 0, rcode2: 0, name: "", complete: false });
});

Deno.test("fqdn: too short, or two names", () => {
  refuses(fqdn, "0400", "badLength");
  refuses(fqdn, "04 00 00 0161 00 0162 00", "badValue", 3);
  refuses(fqdn, "04 00 00 0561", "badValue", 3);
  complains(fqdn, "host.example.net");
});
