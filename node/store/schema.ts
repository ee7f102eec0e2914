/**
 * Tables, migrations and the view for operators. `database.ts` creates and migrates.
 */

import type { DatabaseSync } from "node:sqlite";
import { SLOT_STATES } from "../../src/lease/agreement/slot.ts";
import { HEADER_OCTETS, isSealed, LAYOUT, sealRecord } from "./record.ts";

/** `PRAGMA application_id`: "dhcc". A database with another one belongs to another program. */
export const APPLICATION_ID = 0x64686363;

/** One step of the schema: SQL, or what SQL can't do. */
export type Migration = string | ((database: DatabaseSync) => void);

/**
 * `PRAGMA user_version` of the last schema without a migration: it was never released. Each of {@link MIGRATIONS} adds
 * one.
 */
export const ABANDONED_SCHEMA = 1;

/** Append only: released migrations never change. */
export const MIGRATIONS: readonly Migration[] = [
  // 2: `record` is laid out in record.ts.
  `CREATE TABLE lease (address INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;
   CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
  // 3: `endedAt` at the end of the fixed fields.
  widenRecords,
];

/** Records of one page of {@link widenRecords}. */
const PAGE_ROWS = 4_000;
/** What schema 2 had in front of the variable fields, and schema 3 has. */
const WIDENED = { from: 87, to: 95 } as const;

/** Inserts the octets of `endedAt`, all zero. A damaged record stays as it is: reading it reports it. */
function widenRecords(database: DatabaseSync): void {
  const page = database.prepare(
    `SELECT address, record FROM lease WHERE address > ? ORDER BY address LIMIT ${PAGE_ROWS}`,
  );
  const put = database.prepare("UPDATE lease SET record = ? WHERE address = ?");
  for (let after = -1, rows = page.all(after); rows.length > 0; rows = page.all(after)) {
    for (const row of rows) {
      const record = row["record"] as Uint8Array;
      after = row["address"] as number;
      if (!isSealed(new DataView(record.buffer, record.byteOffset), 0, record.length)) continue;
      const widened = new Uint8Array(record.length + WIDENED.to - WIDENED.from);
      widened.set(record.subarray(0, WIDENED.from));
      widened.set(record.subarray(WIDENED.from), WIDENED.to);
      sealRecord(new DataView(widened.buffer), 0, widened.length);
      put.run(widened, after);
    }
  }
}

/**
 * An unsigned field of a record as an SQL expression over `h`, the record in hex. SQLite reads no hex numbers from
 * text, so each digit is looked up; `instr` gives 0 for "0".
 */
function uint({ at, octets }: { at: number; octets: number }): string {
  const digits = 2 * octets;
  const terms = Array.from(
    { length: digits },
    (_, index) => `(instr('123456789ABCDEF',substr(h,${2 * at + 1 + index},1))<<${4 * (digits - 1 - index)})`,
  );
  return `(${terms.join("|")})`;
}

function dotted(number: string): string {
  return `printf('%d.%d.%d.%d',${number}>>24,${number}>>16&255,${number}>>8&255,${number}&255)`;
}

function isoTime(ms: string): string {
  return `iif(${ms}=0,NULL,strftime('%Y-%m-%dT%H:%M:%SZ',${ms}/1000,'unixepoch'))`;
}

const FIELDS = Object.entries(LAYOUT).filter(([name]) => name !== "checksum" && name !== "address");
const STATE_NAMES = SLOT_STATES.map((name, code) => `WHEN ${code} THEN '${name}'`).join(" ");

/** `SELECT * FROM leases` for operators; the program does not read it. Made anew at every start. */
export const LEASES_VIEW = `CREATE VIEW leases AS
WITH raw AS (SELECT address AS number, record, hex(record) AS h FROM lease),
fixed AS (SELECT number, record, ${FIELDS.map(([name, field]) => `${uint(field)} AS ${name}`).join(", ")} FROM raw),
places AS (
  SELECT *, ${HEADER_OCTETS + 1} AS client_at, ${HEADER_OCTETS + 1} + clientLength AS chaddr_at,
    ${HEADER_OCTETS + 1} + clientLength + chaddrLength AS hostname_at,
    ${HEADER_OCTETS + 1} + clientLength + chaddrLength + hostnameLength AS circuit_at,
    ${HEADER_OCTETS + 1} + clientLength + chaddrLength + hostnameLength + circuitIdLength AS remote_at
  FROM fixed)
SELECT ${dotted("number")} AS address,
  CASE state ${STATE_NAMES} END AS state,
  ${isoTime("expires")} AS expires,
  CASE substr(hex(record), 2 * client_at + 7, 2)
    WHEN '00' THEN 'client id' WHEN '01' THEN 'hardware' END AS client_kind,
  lower(hex(substr(record, client_at + 5, max(clientLength - 5, 0)))) AS client,
  CAST(substr(record, hostname_at, hostnameLength) AS TEXT) AS hostname,
  htype, lower(hex(substr(record, chaddr_at, chaddrLength))) AS chaddr,
  ${dotted("giaddr")} AS giaddr,
  lower(hex(substr(record, circuit_at, circuitIdLength))) AS circuit_id,
  lower(hex(substr(record, remote_at, remoteIdLength))) AS remote_id,
  ${isoTime("lastSeen")} AS last_seen,
  ${isoTime("lockedUntil")} AS locked_until,
  versionClock AS version_clock, versionNode AS version_node, versionIncarnation AS version_incarnation,
  committedClock AS committed_clock, committedNode AS committed_node,
  committedIncarnation AS committed_incarnation,
  replacesClock AS replaces_clock, replacesNode AS replaces_node, replacesIncarnation AS replaces_incarnation,
  ${isoTime("endedAt")} AS ended_at,
  singleVersion AS single_version
FROM places`;
