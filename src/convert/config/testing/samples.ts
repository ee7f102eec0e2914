// deno-lint-ignore-file style/line-length -- configurations as other servers take them
/**
 * One configuration for each server with most of what sites use. The servers themselves accept them (an end-to-end test
 * asks them), but for the includes, whose files do not exist.
 */

export const KEA = String.raw`// A Kea configuration with what people use.
{
"Dhcp4": {
    # interfaces
    "interfaces-config": { "interfaces": [ "eth0" ] },
    "lease-database": { "type": "memfile", "persist": true, "name": "/var/lib/kea/kea-leases4.csv" },
    "valid-lifetime": 4000, "min-valid-lifetime": 600, "max-valid-lifetime": 7200,
    "renew-timer": 1000, "rebind-timer": 2000,
    "authoritative": true,
    "decline-probation-period": 3600,
    "next-server": "10.77.0.69", /* tftp */
    "option-def": [
        { "name": "my-opt", "code": 222, "type": "uint16", "array": true },
        { "name": "ucode", "code": 223, "type": "record", "record-types": "uint8, ipv4-address, string" }
    ],
    "option-data": [
        { "name": "domain-name-servers", "data": "10.77.0.53, 10.77.0.54" },
        { "name": "domain-name", "data": "example.net" },
        { "name": "domain-search", "data": "example.net, lab.example.net" },
        { "code": 42, "data": "10.77.0.123" },
        { "name": "my-opt", "data": "1,2,65535" },
        { "name": "ucode", "data": "7, 10.0.0.1, foo\\, bar", "always-send": true },
        { "code": 224, "csv-format": false, "data": "0102ff" },
        { "name": "vendor-encapsulated-options" },
        { "name": "vendor-class-identifier", "data": "x y" }
    ],
    "client-classes": [
        { "name": "ipxe", "test": "substring(option[77].hex,0,4) == 'iPXE'", "boot-file-name": "http://10.77.0.80/boot.ipxe" },
        { "name": "uefi", "test": "substring(option[60].hex,0,9) == 'PXEClient' and (option[93].hex == 0x0007 or option[93].hex == 0x0009)",
          "boot-file-name": "efi64.efi", "option-data": [ { "name": "tftp-server-name", "data": "10.77.0.69" } ] },
        { "name": "odd", "test": "pkt4.mac == 0x010203040506", "boot-file-name": "x" }
    ],
    "shared-networks": [ { "name": "floor", "option-data": [ { "name": "routers", "data": "10.80.0.1" } ],
        "subnet4": [ { "id": 3, "subnet": "10.80.0.0/24", "pools": [ { "pool": "10.80.0.64/26" } ] },
                     { "id": 4, "subnet": "10.81.0.0/24", "pools": [ { "pool": "10.81.0.10 - 10.81.0.20" } ] } ] } ],
    "subnet4": [
      { "id": 1, "subnet": "10.77.0.0/24",
        "pools": [ { "pool": "10.77.0.20 - 10.77.0.200", "option-data": [ { "name": "domain-name", "data": "pool.example.net" } ] } ],
        "option-data": [ { "name": "routers", "data": "10.77.0.1" } ],
        "valid-lifetime": 1800, "renew-timer": 600, "rebind-timer": 1500,
        "reservations": [
          { "hw-address": "02:00:00:00:00:01", "ip-address": "10.77.0.5", "hostname": "printer" },
          { "client-id": "01:11:22:33:44:55:66", "ip-address": "10.77.0.6", "option-data": [ { "name": "domain-name", "data": "r" } ], "boot-file-name": "own" },
          { "circuit-id": "'port1'", "ip-address": "10.77.0.7" },
          { "hw-address": "02:00:00:00:00:02", "hostname": "noaddress" }
        ] }
    ],
    "reservations": [ { "hw-address": "02:00:00:00:00:09", "ip-address": "10.80.0.5" } ],
    "loggers": [ { "name": "kea-dhcp4", "severity": "INFO" } ],
    "hooks-libraries": []
} }
`;

export const DHCPD = String.raw`# dhcpd.conf of a site
ddns-update-style none;
default-lease-time 3600;
max-lease-time 7200;
authoritative;
log-facility local7;
option domain-name "example.net";
option domain-name-servers 10.77.0.53, 10.77.0.54;
option ntp-servers 10.77.0.123;
option arch code 93 = unsigned integer 16;
option rfc3442 code 121 = array of unsigned integer 8;
option site-opt code 224 = { unsigned integer 8, ip-address, text };
option site-opt 7 10.0.0.1 "foo";
option space PXE;
option PXE.mtftp-ip code 1 = ip-address;
option PXE.discovery code 6 = unsigned integer 8;
use-host-decl-names on;
include "/etc/dhcp/more.conf";

class "pxe" {
  match if substring (option vendor-class-identifier, 0, 9) = "PXEClient";
  vendor-option-space PXE;
  option PXE.mtftp-ip 0.0.0.0;
  option PXE.discovery 8;
  next-server 10.77.0.69;
}
class "phones" { match option vendor-class-identifier; }
subclass "phones" "Snom" { option tftp-server-name "10.77.0.70"; }
class "bymac" { match hardware; }
subclass "bymac" 1:02:00:00:00:00:77;

if exists user-class and option user-class = "iPXE" {
  filename "http://10.77.0.80/boot.ipxe";
} elsif option arch = 00:07 or option arch = 00:09 {
  filename "efi64.efi";
} else {
  filename "undionly.kpxe";
}

subnet 10.77.0.0 netmask 255.255.255.0 {
  option routers 10.77.0.1;
  option rfc3442 24, 10, 99, 0, 10, 77, 0, 1;
  default-lease-time 10800;
  pool {
    range 10.77.0.20 10.77.0.99;
    range 10.77.0.110 10.77.0.200;
    allow members of "phones";
    max-lease-time 600;
  }
}
shared-network floor {
  option domain-search "a.example.net", "example.net";
  subnet 10.80.0.0 netmask 255.255.255.0 { option routers 10.80.0.1; }
  subnet 10.81.0.0 netmask 255.255.255.0 { range 10.81.0.10 10.81.0.20; }
  pool { deny unknown-clients; range 10.80.0.10 10.80.0.20; }
}
group {
  option root-path "/srv/nfs";
  next-server 10.77.0.71;
  host printer { hardware ethernet 02:00:00:00:00:01; fixed-address 10.77.0.5; }
  host multi { hardware ethernet 02:00:00:00:00:02; fixed-address 10.77.0.6, 10.80.0.6; option host-name "both"; }
}
host byid { option dhcp-client-identifier "\000conf"; fixed-address 10.77.0.7; }
host noaddr { hardware ethernet 02:00:00:00:00:03; option routers 10.77.0.2; }
on commit { log(info, "x"); }
`;

export const DNSMASQ = String.raw`# dnsmasq of a site
domain-needed
port=0
interface=eth0
domain=example.net
dhcp-authoritative
dhcp-leasefile=/var/lib/misc/dnsmasq.leases
dhcp-lease-max=500
dhcp-range=set:lan,10.77.0.20,10.77.0.200,255.255.255.0,12h   # main
dhcp-range=set:guest,10.78.0.10,10.78.0.90,30m
dhcp-range=10.79.0.0,static,255.255.255.0,infinite
dhcp-range=2001:db8::10,2001:db8::20,64,12h
dhcp-host=02:00:00:00:00:01,10.77.0.5,printer,infinite
dhcp-host=02:00:00:00:00:02,set:blue,10.77.0.6
dhcp-host=id:01:11:22:33:44:55:66,10.77.0.7,byid
dhcp-host=id:conf,10.79.0.8
dhcp-host=laptop,10.77.0.8
dhcp-host=02:00:00:00:00:03,ignore
dhcp-host=02:00:00:00:00:04,02:00:00:00:00:05,10.77.0.9
dhcp-host=02:00:00:*:00:04,10.77.0.10
dhcp-option=option:ntp-server,10.77.0.123
dhcp-option=tag:lan,option:router,10.77.0.1
dhcp-option=tag:lan,6,10.77.0.53,10.77.0.54
dhcp-option=tag:guest,option:router,10.78.0.1
dhcp-option=tag:blue,option:root-path,"/srv/blue, x"
dhcp-option=121,10.99.0.0/24,10.77.0.1
dhcp-option=option:domain-search,a.example.net,example.net
dhcp-option=224,1:2:ff
dhcp-option-force=225,300
dhcp-option=vendor:PXEClient,6,2b
dhcp-option=encap:175,190,user
dhcp-option=option:T1,1m
dhcp-option=option6:dns-server,[::]
dhcp-match=set:ipxe,175
dhcp-match=set:efi,option:client-arch,7
dhcp-match=set:efi,option:client-arch,9
dhcp-vendorclass=set:snom,Snom
dhcp-boot=tag:!ipxe,undionly.kpxe,boot,10.77.0.69
dhcp-boot=tag:efi,tag:!ipxe,efi64.efi,boot,10.77.0.69
dhcp-boot=tag:ipxe,http://10.77.0.80/boot.ipxe
dhcp-option=tag:snom,66,10.77.0.70
dhcp-option=tag:eth0,66,10.77.0.70
conf-dir=/etc/dnsmasq.d
enable-tftp
`;
