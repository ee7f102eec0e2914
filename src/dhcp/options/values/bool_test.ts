import { complains, configures, refuses, same } from "../testing.ts";
import { bool, flag } from "./bool.ts";

Deno.test("bool: 0 or 1, nothing else", () => {
  same(bool, true, "01");
  same(bool, false, "00");
  refuses(bool, "02", "badValue");
  refuses(bool, "", "badLength");
  refuses(bool, "0001", "badLength");
  configures(bool, false, "00");
  for (const input of ["true", 1, null]) complains(bool, input);
});

Deno.test("flag: presence without a value", () => {
  same(flag, true, "");
  refuses(flag, "00", "badLength");
  configures(flag, true, "");
  complains(flag, false);
});
