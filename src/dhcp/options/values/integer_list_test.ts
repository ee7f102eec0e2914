import { throws } from "node:assert/strict";
import { complains, configures, refuses, same } from "../testing.ts";
import { u16List, u8List } from "./integer_list.ts";

Deno.test("u8List: the bytes are the value", () => {
  same(u8List, Uint8Array.of(1, 3, 6), "010306");
  refuses(u8List, "", "badLength");
  configures(u8List, [1, 3, 255], "0103ff");
  configures(u8List, 7, "07");
  complains(u8List, [1, 256], 256);
  complains(u8List, []);
});

Deno.test("u16List: two octets each", () => {
  same(u16List(), [7, 0x1234], "00071234");
  refuses(u16List(), "", "badLength");
  refuses(u16List(), "000700", "badLength");
  configures(u16List(), [6, 119], "00060077");
  complains(u16List(), [6, 65536], 65536);
});

Deno.test("u16List: RFC 2132 §4.7 allows no MTU below 68", () => {
  refuses(u16List(68), "05dc0043", "badValue", 2);
  complains(u16List(68), [1500, 67], 67);
  throws(() => u16List(68).encode([67]));
});
