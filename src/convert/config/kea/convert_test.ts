// deno-lint-ignore-file style/line-length -- configurations as other servers take them
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { converted } from "../testing/convert.ts";
import { KEA } from "../testing/samples.ts";

const within = (inner: string) => `{ "Dhcp4": { ${inner} } }`;
const subnet = (inner: string) => within(`"subnet4": [ { "id": 1, "subnet": "10.77.0.0/24", ${inner} } ]`);

Deno.test("Kea: a whole configuration becomes a valid section", () => {
  const { service, issues, yaml } = converted("kea", KEA);
  deepStrictEqual(issues, []);
  strictEqual(service.leaseTime, "1h6m40s");
  deepStrictEqual(service.options["domain-search"], ["example.net", "lab.example.net"]);
  strictEqual(service.options["223"], "0x070a000001666f6f2c20626172");
  deepStrictEqual(service.subnets.map((one: { subnet: string }) => one.subnet), [
    ...["10.80.0.0/24", "10.81.0.0/24", "10.77.0.0/24"],
  ]);
  deepStrictEqual(service.subnets[0].pools, ["10.80.0.64-10.80.0.127"]);
  deepStrictEqual(service.subnets[2].reservations[0], {
    ...{ hardware: "02:00:00:00:00:01", address: "10.77.0.5", hostname: "printer" },
  });
  // Every value names its line.
  match(yaml, /^ {4}domain-name: example\.net # line 18$/m);
});

Deno.test("Kea: what could not be carried over is listed with its line", () => {
  const { findings } = converted("kea", KEA);
  for (
    const wanted of [
      /^5 needless: set dhcp\.address/,
      /^22 changed: always-send/,
      /^24 lost: option 43 .* has no value/,
      /^31 lost: its condition has no counterpart/,
      /^33 changed: its 2 subnets stand side by side/,
      /^44 lost: clients can't be known by circuit-id/,
      /^45 lost: it reserves no address/,
    ]
  ) ok(findings.some((finding) => wanted.test(finding)), `${wanted} in\n${findings.join("\n")}`);
});

Deno.test("Kea: the first class wins there and the last one here, so they are turned round", () => {
  const { service } = converted("kea", KEA);
  deepStrictEqual(service.classes.map((one: { name: string }) => one.name), ["uefi", "ipxe"]);
  deepStrictEqual(service.classes[0].match, { vendorClass: "PXEClient", architecture: [7, 9] });
  deepStrictEqual(service.classes[1].match, { userClass: "iPXE" });
});

Deno.test("Kea: lifetimes follow its triplets, and T1 and T2 fit them", () => {
  const times = (inner: string) => {
    const { service, issues, findings } = converted("kea", within(inner));
    deepStrictEqual(issues.filter((issue) => !issue.includes("subnets")), []);
    const { leaseTime, minLeaseTime, maxLeaseTime, renewTime, rebindTime } = service;
    return [[leaseTime, minLeaseTime, maxLeaseTime, renewTime, rebindTime], findings.length];
  };
  deepStrictEqual(times(""), [["2h", "2h", "2h", undefined, undefined], 0]);
  deepStrictEqual(times('"valid-lifetime": 600'), [["10m", "10m", "10m", undefined, undefined], 0]);
  deepStrictEqual(times('"valid-lifetime": 600, "max-valid-lifetime": 1200'), [[
    "10m",
    "10m",
    "20m",
    undefined,
    undefined,
  ], 0]);
  deepStrictEqual(times('"valid-lifetime": 600, "renew-timer": 900, "rebind-timer": 1800'), [
    ...[["10m", "10m", "10m", "5m", "8m45s"], 2],
  ]);
  deepStrictEqual(times('"valid-lifetime": 4294967295'), [
    ["infinite", "49710d6h28m14s", "infinite", undefined, undefined],
    0,
  ]);
  deepStrictEqual(times('"valid-lifetime": 1000, "calculate-tee-times": true, "t1-percent": 0.4, "t2-percent": 0.8'), [
    ...[["16m40s", "16m40s", "16m40s", "6m40s", "13m20s"], 0],
  ]);
});

Deno.test("Kea: option data in all its forms", () => {
  const option = (data: string, definitions = "") => {
    const { service, issues, findings } = converted(
      "kea",
      within(`"option-def": [ ${definitions} ], "option-data": [ ${data} ], "subnet4": [ { "subnet": "10.0.0.0/8" } ]`),
    );
    deepStrictEqual(issues, []);
    return findings[0] ?? service.options;
  };
  deepStrictEqual(option('{ "name": "routers", "data": "10.0.0.1,10.0.0.2" }'), { routers: ["10.0.0.1", "10.0.0.2"] });
  deepStrictEqual(option('{ "code": 26, "data": "1400" }'), { "interface-mtu": 1400 });
  deepStrictEqual(option('{ "name": "ip-forwarding", "data": "true" }'), { "ip-forwarding": true });
  deepStrictEqual(option('{ "code": 15, "csv-format": false, "data": "65 78" }'), { "domain-name": "ex" });
  deepStrictEqual(option('{ "code": 224, "csv-format": false, "data": "\'text\'" }'), { "224": "0x74657874" });
  deepStrictEqual(option('{ "name": "static-routes", "data": "10.1.0.1, 10.0.0.1" }'), {
    "static-routes": [{ destination: "10.1.0.1", router: "10.0.0.1" }],
  });
  deepStrictEqual(
    option('{ "name": "classless-static-route", "data": "10.1.0.0/16 - 10.0.0.1, 0.0.0.0/0 - 10.0.0.2" }'),
    {
      "classless-static-routes": [
        { destination: "10.1.0.0/16", router: "10.0.0.1" },
        { destination: "0.0.0.0/0", router: "10.0.0.2" },
      ],
    },
  );
  deepStrictEqual(
    option(
      '{ "name": "vendor-encapsulated-options" }, ' +
        '{ "space": "vendor-encapsulated-options-space", "code": 6, "csv-format": false, "data": "08" }',
    ),
    { "vendor-encapsulated-options": "0x060108" },
  );
  deepStrictEqual(option('{ "space": "vendor-4491", "code": 2, "csv-format": false, "data": "0a" }'), {
    "vivso-suboptions": "0x0000118b0302010a",
  });
  deepStrictEqual(
    option(
      '{ "name": "a", "data": "1, 10.0.0.1, 2, 10.0.0.2" }',
      '{ "name": "a", "code": 230, "type": "record", "record-types": "uint16, ipv4-address", "array": true }',
    ),
    { "230": "0x00010a00000100020a000002" },
  );
  match(
    option('{ "name": "routers", "data": "gateway" }'),
    /lost: its value has "gateway" where an IPv4 address belongs/,
  );
  match(option('{ "name": "no-such", "data": "1" }'), /lost: its name is unknown/);
  match(option('{ "name": "dhcp-server-identifier", "data": "10.0.0.1" }'), /lost: option 54 .* can't be configured/);
});

Deno.test("Kea: reservations are found by hardware address or client identifier, and where Kea looks", () => {
  const { service, findings } = converted(
    "kea",
    within(
      `"reservations-global": true, "reservations": [ { "hw-address": "02:00:00:00:00:09", "ip-address": "10.77.0.9" }, ` +
        `{ "hw-address": "02:00:00:00:00:0a", "ip-address": "10.99.0.9" } ], ` +
        `"subnet4": [ { "id": 1, "subnet": "10.77.0.0/24", "reservations": [ ` +
        `{ "client-id": "'abc'", "ip-address": "10.77.0.8" }, { "client-id": "01:02", "ip-address": "10.77.0.8" } ] } ]`,
    ),
  );
  deepStrictEqual(service.subnets[0].reservations, [
    { clientId: "0x616263", address: "10.77.0.8" },
    { hardware: "02:00:00:00:00:09", address: "10.77.0.9" },
  ]);
  deepStrictEqual(findings.map((finding) => finding.slice(0, 20)), ["1 lost: its address ", "1 lost: line 1 reser"]);
});

Deno.test("Kea: tests of classes that have no counterpart are said so", () => {
  const reason = (test: string) => {
    const classes = `"client-classes": [ { "name": "c", "test": "${test}", "boot-file-name": "x" } ]`;
    const { service, findings } = converted("kea", within(classes));
    return service.classes?.map((one: { match: unknown }) => one.match) ??
      findings.find((one) => one.includes("condition")) ?? "";
  };
  deepStrictEqual(reason("option[93].hex == 0x0007 or option[client-system].hex == 0x0009"), [{
    architecture: [7, 9],
  }]);
  deepStrictEqual(reason("option[93].hex == 0x0007 or option[77].hex == 'iPXE'"), [{ architecture: [7] }, {
    userClass: "iPXE",
  }]);
  deepStrictEqual(reason("substring(option[60].hex,0,20) == 'PXEClient:Arch:00007'"), [{
    vendorClass: "PXEClient:Arch:00007",
  }]);
  match(reason("option[77].text == 'iPXE'"), /not what the client sent; compare \.hex/);
  match(reason("member('KNOWN')"), /nothing here tells who is a member of "KNOWN"/);
  match(reason("option[61].hex == 0x01"), /not at option 61/);
  match(reason("substring(option[60].hex,3,4) == 'x'"), /substring from the start/);
  match(reason("option[60].exists"), /whether option 60 is present/);
  match(reason("relay4[1].hex == 'a' == 'b' $"), /can't be read/);
  match(reason("relay4[1].hex == 'a'"), /"relay4\[1\].hex" has no counterpart/);
});

Deno.test("Kea: what vendors and Kea's own classes need no test for", () => {
  const { service, issues } = converted(
    "kea",
    within(
      `"client-classes": [ { "name": "VENDOR_CLASS_docsis3.0", "boot-file-name": "modem.cfg" } ], ` +
        `"calculate-tee-times": true, "t1-percent": .5, "subnet4": [ { "subnet": "10.0.0.0/8", "option-data": [ ` +
        `{ "name": "vivso-suboptions", "data": "4491" }, { "code": 113, "data": "tag" }, ` +
        `{ "space": "vendor-4491", "name": "tftp-servers", "data": "10.0.0.1" } ] } ]`,
    ),
  );
  deepStrictEqual(issues, []);
  deepStrictEqual(service.classes[0].match, { vendorClass: "docsis3.0" });
  deepStrictEqual(service.subnets[0].options, { "113": "0x746167", "vivso-suboptions": "0x0000118b0602040a000001" });
});

Deno.test("Kea: an option of a subnet would lose against the class here, which is told", () => {
  const given = '"option-data": [ { "name": "domain-name", "data": "given" } ]';
  const converting = (...subnets: string[]) =>
    converted(
      "kea",
      within(
        `"client-classes": [ { "name": "c", "test": "option[60].text == 'x'", ${given} } ], ` +
          `"subnet4": [ ${subnets.map((more, index) => `{ "subnet": "10.${index}.0.0/16"${more} }`).join(", ")} ]`,
      ),
    );
  const some = converting(`, ${given}`, "");
  ok(some.findings.some((finding) => /there the subnet wins, here the class/.test(finding)));
  // No client ever gets the class's value.
  strictEqual(converting(`, ${given}`, `, ${given}`).service.classes, undefined);
});

Deno.test("Kea: pools lose the addresses that no client may have, and those that overlap are told", () => {
  const { service, findings, issues } = converted(
    "kea",
    subnet(
      '"pools": [ { "pool": "10.77.0.0/25" }, { "pool": "10.77.0.100-10.77.0.200" }, { "pool": "10.1.0.1-10.1.0.2" } ]',
    ),
  );
  deepStrictEqual(issues, []);
  deepStrictEqual(service.subnets[0].pools, ["10.77.0.1-10.77.0.127"]);
  deepStrictEqual(findings.map((finding) => finding.slice(2, 8)), ["change", "lost: ", "lost: "]);
});

Deno.test("Kea: includes are listed, other comments are not", () => {
  const { findings } = converted(
    "kea",
    `{ "Dhcp4": { <?include "/etc/kea/subnets.json"?> /* a */ "comment": "x" } } // end`,
  );
  deepStrictEqual(findings.filter((finding) => finding.includes("include")).length, 1);
});

Deno.test("kea: a pool for a class only is left out, so that it is not opened to all", () => {
  const pools = (more: string) => {
    const subnet = `{ "subnet": "10.80.0.0/24", "id": 1, "pools": [ { "pool": "10.80.0.10-10.80.0.20"${more} } ] }`;
    const { service, findings } = converted("kea", `{ "Dhcp4": { "subnet4": [ ${subnet} ] } }`);
    return [service.subnets[0].pools, findings.some((finding) => /lost: left out, as it is for some/.test(finding))];
  };
  deepStrictEqual(pools(', "client-class": "phones"'), [undefined, true]);
  deepStrictEqual(pools(', "client-classes": [ "phones" ]'), [undefined, true]);
  deepStrictEqual(pools(""), [["10.80.0.10-10.80.0.20"], false]);
});

Deno.test("Kea: a subnet or shared network for a class only has no pools and no reservations here", () => {
  const inner = '"subnet": "10.77.0.0/24", "id": 1, "pools": [ { "pool": "10.77.0.20-10.77.0.30" } ], ' +
    '"reservations": [ { "hw-address": "02:00:00:00:00:01", "ip-address": "10.77.0.9" } ]';
  const parts = (text: string) => {
    const { service, findings } = converted("kea", text);
    const [{ pools, reservations }] = service.subnets;
    return [pools, reservations?.length, findings.filter((one) => /lost: left out/.test(one)).length];
  };
  deepStrictEqual(parts(within(`"subnet4": [ { ${inner} } ]`)), [["10.77.0.20-10.77.0.30"], 1, 0]);
  deepStrictEqual(parts(within(`"subnet4": [ { ${inner}, "client-class": "a" } ]`)), [undefined, undefined, 2]);
  const network = `"name": "n", "client-class": "a", "subnet4": [ { ${inner} } ]`;
  deepStrictEqual(parts(within(`"shared-networks": [ { ${network} } ]`)), [undefined, undefined, 2]);
  deepStrictEqual(parts(within(`"subnet4": [ { ${inner}, "client-class": "ALL" } ]`)), [
    ["10.77.0.20-10.77.0.30"],
    1,
    0,
  ]);
});

Deno.test("Kea: reservations count where Kea looks for them, and by what it looks for", () => {
  const global = '"reservations": [ { "hw-address": "02:00:00:00:00:01", "ip-address": "10.77.0.9" } ]';
  const own = '"reservations": [ { "client-id": "01:02:03", "ip-address": "10.77.0.8" } ]';
  const addresses = (outer: string, inner: string) =>
    converted("kea", within(`${global}${outer}, "subnet4": [ { "subnet": "10.77.0.0/24", ${own}${inner} } ]`))
      .service.subnets[0].reservations?.map(({ address }: { address: string }) => address);
  deepStrictEqual(addresses("", ""), ["10.77.0.8"]);
  deepStrictEqual(addresses(', "reservations-global": true', ""), ["10.77.0.8", "10.77.0.9"]);
  deepStrictEqual(addresses("", ', "reservations-global": true, "reservations-in-subnet": false'), ["10.77.0.9"]);
  deepStrictEqual(addresses("", ', "reservation-mode": "disabled"'), undefined);
  deepStrictEqual(addresses(', "host-reservation-identifiers": [ "hw-address" ]', ""), undefined);
});

Deno.test("Kea: a class that says what option 43 is, as the manual has it", () => {
  const { service, findings } = converted(
    "kea",
    within(
      '"option-def": [ { "name": "c", "code": 1, "space": "acme", "type": "ipv4-address" } ], "client-classes": [ { ' +
        `"name": "a", "test": "substring(option[60].hex,0,4) == 'Acme'", "option-def": [ { "name": ` +
        '"vendor-encapsulated-options", "code": 43, "type": "empty", "encapsulate": "acme" } ], "option-data": [ ' +
        '{ "name": "vendor-encapsulated-options" }, { "name": "c", "space": "acme", "data": "10.1.0.9" } ] } ], ' +
        '"subnet4": [ { "subnet": "10.0.0.0/8" } ]',
    ),
  );
  deepStrictEqual(findings, []);
  deepStrictEqual(service.classes[0].options, { "vendor-encapsulated-options": "0x01040a010009" });
});

Deno.test("Kea: classes that are members of others, and what a class leaves alone", () => {
  const { service } = converted(
    "kea",
    within(
      `"renew-timer": 100, "rebind-timer": 200, "client-classes": [ ` +
        `{ "name": "i", "test": "option[77].hex == 'iPXE'", "boot-file-name": "menu" }, ` +
        `{ "name": "e", "test": "not member('i') and option[93].hex == 0x0007", "boot-file-name": "efi" }, ` +
        `{ "name": "v", "test": "option[60].text == 'x'", "valid-lifetime": 600 } ], "subnet4": [ { "subnet": "10.0.0.0/8" } ]`,
    ),
  );
  const said = service.classes.map((
    { match, bootFile, leaseTime, renewTime }: Record<string, unknown>,
  ) => [match, bootFile, leaseTime, renewTime]);
  deepStrictEqual(said, [
    [{ vendorClass: "x" }, undefined, "10m", undefined],
    [{ architecture: [7] }, "efi", undefined, undefined],
    [{ userClass: "iPXE" }, "menu", undefined, undefined],
  ]);
});

Deno.test("Kea: the address 0.0.0.0 of a subnet means none", () => {
  const { service } = converted(
    "kea",
    within(
      '"next-server": "10.0.0.8", "subnet4": [ { "subnet": "10.1.0.0/24", "next-server": "0.0.0.0" }, ' +
        '{ "subnet": "10.2.0.0/24" } ]',
    ),
  );
  deepStrictEqual([service, ...service.subnets].map(({ nextServer }) => nextServer), [
    undefined,
    undefined,
    "10.0.0.8",
  ]);
});
