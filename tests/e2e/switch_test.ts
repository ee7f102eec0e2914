import { rejects } from "node:assert/strict";
import { DHCPD, DNSMASQ, KEA } from "../../src/convert/config/testing/samples.ts";
import { switched } from "./cases/switched.ts";
import { CommandError, run } from "./lab/process.ts";
import { ORIGINALS } from "./programs/originals.ts";
import { e2e } from "./register.ts";

e2e("switching from Kea, and back: clients keep addresses and options", () => switched(ORIGINALS.kea, { back: true }));
e2e("switching from dhcpd: clients keep addresses and options", () => switched(ORIGINALS.dhcpd));
e2e("switching from dnsmasq: clients keep addresses and options", () => switched(ORIGINALS.dnsmasq));

e2e("the servers accept the configurations that the converters are tested with", async () => {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-samples-" });
  try {
    for (
      const [original, sample] of [[ORIGINALS.kea, KEA], [ORIGINALS.dhcpd, DHCPD], [
        ORIGINALS.dnsmasq,
        DNSMASQ,
      ]] as const
    ) {
      const file = `${folder}/${original.name}.conf`;
      // Files that they include do not exist here.
      await Deno.writeTextFile(file, sample.replaceAll(/^(?:include |conf-dir=).*$/gm, ""));
      await run(original.check(file));
      await Deno.writeTextFile(file, `${sample}\n)`);
      await rejects(run(original.check(file)), CommandError);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
