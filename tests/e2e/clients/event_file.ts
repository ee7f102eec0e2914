/**
 * The script that a client runs at each event, and the file to which it writes the event's variables.
 *
 * One script for all three programs: it appends its whole environment, NUL-separated and ended by an empty entry. For
 * clients that do not configure `eth0` themselves it does so.
 */

/** The environment of one script run; `EVENT` is its first argument or `$reason`. */
export type Variables = Readonly<Record<string, string>>;

export class EventFile {
  /** Path of the client's script. */
  readonly scriptPath: string;
  readonly #eventsPath: string;

  constructor(folder: string, options: { configuresInterface: boolean; probe: boolean }) {
    this.scriptPath = `${folder}/script`;
    this.#eventsPath = `${folder}/events`;
    const text = scriptText(this.#eventsPath, options);
    Deno.writeTextFileSync(this.scriptPath, text, { mode: 0o755 });
    Deno.writeTextFileSync(this.#eventsPath, "");
  }

  /** All complete events so far. */
  read(): Variables[] {
    const records = Deno.readTextFileSync(this.#eventsPath).split("\0\0");
    records.pop();
    return records.map((record) =>
      Object.fromEntries(
        record.split("\0").map((entry) => {
          const equals = entry.indexOf("=");
          return [entry.slice(0, equals), entry.slice(equals + 1)];
        }),
      )
    );
  }
}

function scriptText(eventsPath: string, options: { configuresInterface: boolean; probe: boolean }): string {
  return `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
EVENT="\${1:-$reason}"
record() { { env -0 EVENT="$1"; printf '\\0'; } >>${eventsPath}; }
${options.configuresInterface ? configure(options.probe) : ""}record "$EVENT"
`;
}

/** The event is recorded last: a test that waits for it finds the interface ready. */
function configure(probe: boolean): string {
  // dhclient declines an address when its script fails at BOUND (dhclient-script(8)); udhcpc probes by itself.
  const probing = probe
    ? `case "$EVENT" in BOUND|REBOOT)
  if ! busybox arping -q -D -c 2 -w 2 -I eth0 "$new_ip_address"; then record IN_USE; exit 1; fi;;
esac
`
    : "";
  return `${probing}address="\${new_ip_address:-$ip}"
mask="\${new_subnet_mask:-$subnet}"
gateway="\${new_routers:-$router}"
case "$EVENT" in
  bound|renew|BOUND|RENEW|REBIND|REBOOT)
    if ! ip -4 address show dev eth0 | grep -q "inet $address/"; then
      ip address flush dev eth0
      ip address add "$address/$mask" broadcast + dev eth0
    fi
    # Clients that take part in a test of routing need no more than the first router.
    if [ -n "$gateway" ]; then ip route replace default via "\${gateway%% *}"; fi;;
  deconfig|EXPIRE|FAIL|RELEASE|STOP)
    ip address flush dev eth0;;
esac
`;
}
