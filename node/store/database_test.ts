import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { FREE_SLOT, type LeaseRow, NO_DETAIL } from "../../src/lease/agreement/slot.ts";
import { DATABASE_FILE, LeaseDatabase } from "./database.ts";
import { StoreError, type StoreErrorCode } from "./errors.ts";
import { readRecords, RecordWriter } from "./record.ts";
import { ABANDONED_SCHEMA, APPLICATION_ID, MIGRATIONS } from "./schema.ts";
import { anyRow, plain } from "./testing/any_row.ts";
import { tinyDiskTest, withDirectory } from "./testing/directory.ts";
import { sampleRow } from "./testing/rows.ts";

function put(database: LeaseDatabase, rows: readonly LeaseRow[]): void {
  const writer = new RecordWriter();
  for (const row of rows) writer.add(row);
  database.commit(new Uint8Array(writer.buffer, 0, writer.length), []);
}

function readAll(database: LeaseDatabase): LeaseRow[] {
  const rows: LeaseRow[] = [];
  for (let after = -1;;) {
    const { records, last } = database.chunkAfter(after);
    if (records.length === 0) return rows;
    readRecords(records.slice().buffer, (row) => rows.push(row));
    after = last;
  }
}

/** Makes a database of `count` rows, 10.0.0.0 and up. */
function fill(stateDir: string, count: number): void {
  const database = LeaseDatabase.open(stateDir);
  put(database, Array.from({ length: count }, (_, index) => sampleRow(0x0a000000 + index)));
  database.close();
}

/** Opens and reads, and expects one line of that kind. */
function refuses(stateDir: string, code: StoreErrorCode, says: RegExp): void {
  throws(() => {
    const database = LeaseDatabase.open(stateDir);
    try {
      readAll(database);
    } finally {
      database.close();
    }
  }, (error) => {
    ok(error instanceof StoreError, String(error));
    strictEqual(error.code, code, error.message);
    match(error.message, says);
    ok(!error.message.includes("\n"));
    return true;
  });
}

Deno.test("database: a missing directory and database are made, closed to others", () =>
  withDirectory((parent) => {
    const stateDir = `${parent}/a/b`;
    LeaseDatabase.open(stateDir).close();
    strictEqual((Deno.statSync(stateDir).mode ?? 0) & 0o007, 0);
    strictEqual((Deno.statSync(`${stateDir}/${DATABASE_FILE}`).mode ?? 0) & 0o007, 0);
    const database = new DatabaseSync(`${stateDir}/${DATABASE_FILE}`);
    strictEqual(database.prepare("PRAGMA application_id").get()?.["application_id"], APPLICATION_ID);
    strictEqual(database.prepare("PRAGMA user_version").get()?.["user_version"], ABANDONED_SCHEMA + MIGRATIONS.length);
    strictEqual(database.prepare("PRAGMA journal_mode").get()?.["journal_mode"], "wal");
    database.close();
  }));

Deno.test("database: any rows come back through SQLite as they were, the last one per address", () =>
  withDirectory((stateDir) => {
    const database = LeaseDatabase.open(stateDir);
    const expected = new Map<number, LeaseRow>();
    fc.assert(
      fc.property(fc.array(anyRow, { minLength: 1, maxLength: 40 }), (rows) => {
        put(database, rows);
        for (const row of rows) expected.set(row.address, row);
        const sorted = [...expected.values()].sort((a, b) => a.address - b.address);
        deepStrictEqual(readAll(database).map(plain), sorted.map(plain));
      }),
      { numRuns: 30 },
    );
    database.close();
    const again = LeaseDatabase.open(stateDir);
    strictEqual(readAll(again).length, expected.size);
    again.close();
  }));

Deno.test("database: chunks cover every row once, in order of address", () =>
  withDirectory((stateDir) => {
    fill(stateDir, 9_000);
    const database = LeaseDatabase.open(stateDir);
    const addresses = readAll(database).map((row) => row.address);
    deepStrictEqual(addresses, Array.from({ length: 9_000 }, (_, index) => 0x0a000000 + index));
    database.close();
  }));

Deno.test("database: people read it with any SQLite tool through the view, also while it is open", () =>
  withDirectory((stateDir) => {
    const database = LeaseDatabase.open(stateDir);
    put(database, [sampleRow(0x0a000102, 1), { address: 0xffffffff, slot: FREE_SLOT, detail: NO_DETAIL }]);
    const reader = new DatabaseSync(`${stateDir}/${DATABASE_FILE}`, { readOnly: true });
    const [bound, free] = reader.prepare("SELECT * FROM leases").all();
    reader.close();
    deepStrictEqual({ ...bound }, {
      address: "10.0.1.2",
      state: "bound",
      expires: "2026-09-21T15:13:20Z",
      client_kind: "hardware",
      client: "0102010a000102",
      hostname: "host-258",
      htype: 1,
      chaddr: "02010a000102",
      giaddr: "10.0.0.1",
      circuit_id: "6c616e30",
      remote_id: "",
      last_seen: "2026-09-21T14:13:20Z",
      locked_until: "2026-09-21T15:13:20Z",
      version_clock: 1_790_000_000_001 * 1024 + 7,
      version_node: 3,
      version_incarnation: 0xfedcba98,
      committed_clock: 1_790_000_000_001 * 1024 + 7,
      committed_node: 3,
      committed_incarnation: 0xfedcba98,
      replaces_clock: 0,
      replaces_node: 0,
      replaces_incarnation: 0,
      ended_at: null,
      single_version: 1,
    });
    strictEqual(free?.["address"], "255.255.255.255");
    strictEqual(free["state"], "free");
    strictEqual(free["expires"], null);
    database.close();
  }));

Deno.test("database: records of schema 2 get the octets that schema 3 adds; a damaged one stays damaged", () =>
  withDirectory((stateDir) => {
    LeaseDatabase.open(stateDir, { migrations: MIGRATIONS.slice(0, 1) }).close();
    // As release 1.0 wrote it: `sampleRow(0x0a000102, 1)`.
    const record = "8e51d4c90a00010201010303fedcba980006831141b004070006831141b00407000001a0c4875a81000001a0c4506c00" +
      "000001a0c4875a80fedcba980a0000010106000c000800040000000000000000000000000000000a000000010102010a000102" +
      "02010a000102686f73742d3235386c616e30";
    const writer = new DatabaseSync(`${stateDir}/${DATABASE_FILE}`);
    writer.exec(`INSERT INTO lease VALUES (${0x0a000102}, x'${record}')`);
    writer.close();
    const database = LeaseDatabase.open(stateDir);
    deepStrictEqual(readAll(database).map(plain), [plain(sampleRow(0x0a000102, 1))]);
    database.close();
    const damager = new DatabaseSync(`${stateDir}/${DATABASE_FILE}`);
    damager.exec(`PRAGMA user_version = 2; UPDATE lease SET record = x'${record.replace("fedcba98", "fedcba99")}'`);
    damager.close();
    refuses(stateDir, "corrupt", /the record after address -1 is damaged/);
  }));

Deno.test("database: an older schema is migrated, with its rows", () =>
  withDirectory((stateDir) => {
    fill(stateDir, 10);
    const later = [...MIGRATIONS, "CREATE TABLE extra (note TEXT) STRICT; INSERT INTO extra VALUES ('migrated')"];
    LeaseDatabase.open(stateDir, { migrations: later }).close();
    // Once only: a second time would fail on the table that is there.
    const database = LeaseDatabase.open(stateDir, { migrations: later });
    strictEqual(readAll(database).length, 10);
    database.close();
    const plainSqlite = new DatabaseSync(`${stateDir}/${DATABASE_FILE}`);
    strictEqual(plainSqlite.prepare("SELECT note FROM extra").get()?.["note"], "migrated");
    strictEqual(plainSqlite.prepare("PRAGMA user_version").get()?.["user_version"], ABANDONED_SCHEMA + later.length);
    plainSqlite.close();
  }));

Deno.test("database: a migration that fails leaves the older schema whole", () =>
  withDirectory((stateDir) => {
    fill(stateDir, 10);
    throws(
      () =>
        LeaseDatabase.open(stateDir, {
          migrations: [...MIGRATIONS, "CREATE TABLE extra (note TEXT); SELECT nonsense"],
        }),
      StoreError,
    );
    const database = LeaseDatabase.open(stateDir, { migrations: [...MIGRATIONS, "CREATE TABLE extra (note TEXT)"] });
    strictEqual(readAll(database).length, 10);
    database.close();
  }));

Deno.test("database: a newer schema is refused", () =>
  withDirectory((stateDir) => {
    LeaseDatabase.open(stateDir, { migrations: [...MIGRATIONS, "CREATE TABLE extra (note TEXT)"] }).close();
    refuses(stateDir, "newerSchema", /schema 4 is newer than this program's 3: install/);
  }));

Deno.test("database: a schema from before the first release is refused, not misread", () =>
  withDirectory((stateDir) => {
    fill(stateDir, 10);
    const path = `${stateDir}/${DATABASE_FILE}`;
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 1");
    database.close();
    refuses(stateDir, "olderSchema", /schema 1 is older than the first release: move it away/);
  }));

Deno.test("database: another program's database is refused", () =>
  withDirectory((stateDir) => {
    const database = new DatabaseSync(`${stateDir}/${DATABASE_FILE}`);
    database.exec("CREATE TABLE bookmarks (url TEXT)");
    database.close();
    refuses(stateDir, "foreign", /another program made it: move it away/);
  }));

Deno.test("database: garbage is refused and left as it is", () =>
  withDirectory((stateDir) => {
    const garbage = "garbage ".repeat(4_000);
    Deno.writeTextFileSync(`${stateDir}/${DATABASE_FILE}`, garbage);
    refuses(stateDir, "corrupt", /corrupt \(file is not a database\): restore it from a backup/);
    strictEqual(Deno.readTextFileSync(`${stateDir}/${DATABASE_FILE}`), garbage);
  }));

Deno.test("database: an empty file is not a fresh start", () =>
  withDirectory((stateDir) => {
    Deno.writeTextFileSync(`${stateDir}/${DATABASE_FILE}`, "");
    refuses(stateDir, "corrupt", /it is empty: restore it/);
  }));

Deno.test("database: a write-ahead log without its database is not a fresh start", () =>
  withDirectory((stateDir) => {
    Deno.writeTextFileSync(`${stateDir}/${DATABASE_FILE}-wal`, "rows that were acknowledged");
    refuses(stateDir, "corrupt", /it is missing, but its -wal file is there: restore it/);
  }));

Deno.test("database: what a crash left of making it is made anew", () =>
  withDirectory((stateDir) => {
    Deno.writeTextFileSync(`${stateDir}/${DATABASE_FILE}.new`, "half of it");
    fill(stateDir, 3);
    const database = LeaseDatabase.open(stateDir);
    strictEqual(readAll(database).length, 3);
    database.close();
  }));

Deno.test("database: a page of zeros or garbage anywhere is refused", () =>
  withDirectory((stateDir) => {
    fill(stateDir, 2_000);
    const path = `${stateDir}/${DATABASE_FILE}`;
    const whole = Deno.readFileSync(path);
    for (let at = 0; at < whole.length; at += 17 * 2048) {
      for (const octet of [0, 0xa7]) {
        const damaged = whole.slice().fill(octet, at, at + 2048);
        Deno.writeFileSync(path, damaged);
        refuses(stateDir, "corrupt", /corrupt|it is empty/);
      }
    }
  }));

Deno.test("database: one flipped bit in a record is refused, never another lease", () =>
  withDirectory((stateDir) => {
    fill(stateDir, 500);
    const path = `${stateDir}/${DATABASE_FILE}`;
    const whole = Deno.readFileSync(path);
    const marker = new TextEncoder().encode("host-321lan0");
    const at = whole.findIndex((_, index) => marker.every((octet, offset) => whole[index + offset] === octet));
    ok(at > 0);
    // The hold, which is what keeps a second client away: 74 - 32 octets before client (13) and chaddr (6) end.
    const flipped = at - 13 - 6 - 74 + 32 + 5;
    whole[flipped] = (whole[flipped] as number) ^ 0x10;
    Deno.writeFileSync(path, whole);
    refuses(stateDir, "corrupt", /the record after address 167772480 is damaged/);
  }));

Deno.test("database: damage outside of the rows is refused", () =>
  withDirectory((stateDir) => {
    fill(stateDir, 500);
    const path = `${stateDir}/${DATABASE_FILE}`;
    const whole = Deno.readFileSync(path);
    // One page more in the header (https://sqlite.org/fileformat.html §1.3) and in the file, and nothing refers to it.
    const longer = new Uint8Array(whole.length + 2048);
    longer.set(whole);
    const header = new DataView(longer.buffer);
    header.setUint32(28, header.getUint32(28) + 1);
    Deno.writeFileSync(path, longer);
    // Loading every row would not notice it.
    refuses(stateDir, "corrupt", /corrupt \(.*Page \d+.* never used\): restore it/);
  }));

Deno.test("database: a batch that fails half-way leaves nothing, and the next one works", () =>
  withDirectory((stateDir) => {
    const database = LeaseDatabase.open(stateDir);
    const writer = new RecordWriter();
    writer.add(sampleRow(0x0a000001));
    writer.add(sampleRow(0x0a000002));
    const cutOff = new Uint8Array(writer.buffer.slice(0, writer.length - 60));
    throws(() => database.commit(cutOff, [["term", "1"]]), RangeError);
    strictEqual(readAll(database).length, 0);
    put(database, [sampleRow(0x0a000003)]);
    deepStrictEqual(readAll(database).map((row) => row.address), [0x0a000003]);
    database.close();
  }));

Deno.test("database: a truncated file is refused", () =>
  withDirectory((stateDir) => {
    fill(stateDir, 2_000);
    const path = `${stateDir}/${DATABASE_FILE}`;
    Deno.truncateSync(path, 60 * 2048 + 100);
    refuses(stateDir, "corrupt", /corrupt/);
  }));

Deno.test("database: a directory in its place is refused", () =>
  withDirectory((stateDir) => {
    Deno.mkdirSync(`${stateDir}/${DATABASE_FILE}`);
    refuses(stateDir, "notAFile", /it is not a file: move it away/);
  }));

Deno.test("database: a file as state directory, or above it, is refused", () =>
  withDirectory((parent) => {
    Deno.writeTextFileSync(`${parent}/file`, "");
    refuses(`${parent}/file`, "notADirectory", /it is not a directory: name another one/);
    refuses(`${parent}/file/below`, "notADirectory", /it is not a directory: name another one/);
  }));

tinyDiskTest(
  "database: a full disk at the start is refused, and the same directory works once there is space",
  256,
  (stateDir, { fillUp, makeSpace }) => {
    fillUp();
    refuses(stateDir, "diskFull", /disk full: free some space/);
    makeSpace();
    fill(stateDir, 5);
    fillUp();
    refuses(stateDir, "diskFull", /disk full: free some space/);
    makeSpace();
    const database = LeaseDatabase.open(stateDir);
    strictEqual(readAll(database).length, 5);
    database.close();
  },
);

tinyDiskTest("database: a read-only file system is refused", 512, (stateDir, { remount }) => {
  fill(stateDir, 5);
  remount("ro");
  refuses(stateDir, "readOnly", /Cannot use the state directory .*: not writable \(.*\): give this user/);
});

tinyDiskTest("database: a read-only file in a writable directory is refused", 512, (stateDir, { protect }) => {
  fill(stateDir, 5);
  protect(`${stateDir}/${DATABASE_FILE}`);
  refuses(
    stateDir,
    "readOnly",
    /Cannot use the lease database .*: not writable \(.*os error 30.*\): give this user/,
  );
});

/** An open database with one row, and what {@link LeaseDatabase.recover} answers or throws. */
async function running(
  run: (open: { database: LeaseDatabase; stateDir: string; path: string; recovers: () => string }) => void,
): Promise<void> {
  await withDirectory((stateDir) => {
    const database = LeaseDatabase.open(stateDir);
    put(database, [sampleRow(0x0a000001)]);
    const recovers = () => {
      try {
        return database.recover();
      } catch (error) {
        ok(error instanceof StoreError, String(error));
        return error.code;
      }
    };
    run({ database, stateDir, path: `${stateDir}/${DATABASE_FILE}`, recovers });
    database.close();
  });
}

/** A further row is refused, as something happened to the files. */
function refusesToCommit(database: LeaseDatabase, says: RegExp): void {
  throws(() => put(database, [sampleRow(0x0a000002)]), (error) => {
    ok(error instanceof StoreError, String(error));
    strictEqual(error.code, "moved");
    match(error.message, says);
    return true;
  });
}

function addressesIn(stateDir: string): number[] {
  const database = LeaseDatabase.open(stateDir);
  try {
    return readAll(database).map(({ address }) => address - 0x0a000000);
  } finally {
    database.close();
  }
}

const FILES = [DATABASE_FILE, `${DATABASE_FILE}-wal`, `${DATABASE_FILE}-shm`, "lock", "highwater"];

for (const gone of [FILES, FILES.slice(0, 3), FILES.slice(0, 1), FILES.slice(1, 2), ["lock"], ["highwater"]]) {
  Deno.test(`database: ${gone.join(" and ")} deleted under it: no commit, and what was acknowledged is put back`, () =>
    withDirectory((stateDir) => {
      const database = LeaseDatabase.open(stateDir);
      put(database, [sampleRow(0x0a000001)]);
      for (const file of gone) Deno.removeSync(`${stateDir}/${file}`);
      refusesToCommit(database, /: it was deleted while the node uses it: restart/);
      // Nor after an attempt that was not acknowledged.
      throws(() => put(database, [sampleRow(0x0a000003)]), StoreError);
      match(database.recover(), /nothing (that was acknowledged )?is lost/);
      strictEqual(database.doubt, undefined);
      put(database, [sampleRow(0x0a000004)]);
      throws(() => LeaseDatabase.open(stateDir), /another process uses it/);
      database.close();
      // The second one was not acknowledged, and may be there.
      deepStrictEqual(addressesIn(stateDir).filter((address) => address !== 2), [1, 4]);
      strictEqual(openAndClose(stateDir).behind, undefined);
    }));
}

Deno.test("database: a file that is put in its place is left alone, and the own one comes back once it is gone", () =>
  running(({ database, path, recovers }) => {
    Deno.renameSync(path, `${path}.before`);
    Deno.writeTextFileSync(path, "another one");
    refusesToCommit(database, /another file was put in its place.*move that one away, .*or restart the node to use it/);
    strictEqual(recovers(), "moved");
    strictEqual(Deno.readTextFileSync(path), "another one");
    Deno.removeSync(path);
    match(recovers(), /written anew/);
    put(database, [sampleRow(0x0a000002)]);
    strictEqual(readAll(database).length, 2);
  }));

Deno.test("database: a WAL that is cut under it loses leases, and it never commits again", () =>
  running(({ database, path, recovers }) => {
    Deno.truncateSync(`${path}-wal`, 0);
    refusesToCommit(database, /leases\.db-wal: it was cut while the node uses it/);
    strictEqual(recovers(), "lost");
    throws(() => put(database, [sampleRow(0x0a000002)]), /acknowledged leases are no longer in it/);
    strictEqual(recovers(), "lost");
  }));

Deno.test("database: a checkpoint by another program shortens the WAL, and nothing is lost", () =>
  running(({ database, path, recovers }) => {
    const other = new DatabaseSync(path);
    other.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    other.close();
    refusesToCommit(database, /it was cut/);
    match(recovers(), /opened and checked anew/);
    put(database, [sampleRow(0x0a000002)]);
  }));

Deno.test("database: inspect() finds what happened to its files without a commit", () =>
  running(({ database, path }) => {
    const inspect = () => {
      database.inspect();
      return database.doubt?.code;
    };
    strictEqual(inspect(), undefined);
    Deno.removeSync(path);
    strictEqual(inspect(), "moved");
    database.recover();
    strictEqual(inspect(), undefined);
  }));

/** Stops as in a power failure: the WAL stays. */
function crash(stateDir: string, use: (database: LeaseDatabase) => void): void {
  const database = LeaseDatabase.open(stateDir);
  use(database);
  const kept = `${stateDir}/kept`;
  Deno.mkdirSync(kept);
  for (const file of FILES.slice(0, 2)) Deno.copyFileSync(`${stateDir}/${file}`, `${kept}/${file}`);
  database.close();
  for (const file of FILES.slice(0, 2)) Deno.renameSync(`${kept}/${file}`, `${stateDir}/${file}`);
  Deno.removeSync(kept);
}

for (const share of [0, 0.5, 0.9]) {
  Deno.test(`database: of a WAL that was cut to ${share} after a crash it says what is missing`, () =>
    withDirectory((stateDir) => {
      crash(stateDir, (database) => {
        for (let row = 1; row <= 20; row++) put(database, [sampleRow(0x0a000000 + row)]);
      });
      const wal = `${stateDir}/${DATABASE_FILE}-wal`;
      const whole = Deno.statSync(wal).size;
      Deno.truncateSync(wal, Math.floor(share * whole));
      const { behind } = openAndClose(stateDir);
      ok(behind !== undefined && behind.found < 20, JSON.stringify(behind));
      strictEqual(behind.acknowledged, 20);
      // It says so until a commit takes it for what there is.
      deepStrictEqual(openAndClose(stateDir).behind, behind);
      const database = LeaseDatabase.open(stateDir);
      database.commit(new Uint8Array(), [["blank", "fenced"]]);
      database.close();
      strictEqual(openAndClose(stateDir).behind, undefined);
    }));
}

Deno.test("database: after a crash with its whole WAL nothing is missing, and the next start needs no WAL", () =>
  withDirectory((stateDir) => {
    crash(stateDir, (database) => put(database, [sampleRow(0x0a000001)]));
    ok(Deno.statSync(`${stateDir}/${DATABASE_FILE}-wal`).size > 0);
    const database = LeaseDatabase.open(stateDir);
    strictEqual(database.behind, undefined);
    strictEqual(Deno.statSync(`${stateDir}/${DATABASE_FILE}-wal`).size, 0);
    database.close();
    deepStrictEqual(addressesIn(stateDir), [1]);
  }));

Deno.test("database: one of the release before, which wrote no number, counts from its next transaction on", () =>
  withDirectory((stateDir) => {
    fill(stateDir, 1);
    const before = new DatabaseSync(`${stateDir}/${DATABASE_FILE}`);
    before.exec("DELETE FROM meta WHERE key = 'store:transaction'");
    before.close();
    Deno.removeSync(`${stateDir}/highwater`);
    const database = LeaseDatabase.open(stateDir);
    strictEqual(database.behind, undefined);
    database.commit(new Uint8Array(), [["term", "1"]]);
    database.close();
    Deno.removeSync(`${stateDir}/${DATABASE_FILE}`);
    refuses(stateDir, "missing", /it is missing/);
  }));

Deno.test("database: an older copy in its place is behind", () =>
  withDirectory((stateDir) => {
    const path = `${stateDir}/${DATABASE_FILE}`;
    fill(stateDir, 1);
    Deno.copyFileSync(path, `${path}.copy`);
    fill(stateDir, 2);
    strictEqual(openAndClose(stateDir).behind, undefined);
    Deno.renameSync(`${path}.copy`, path);
    deepStrictEqual(openAndClose(stateDir).behind, { found: 1, acknowledged: 2 });
  }));

Deno.test("database: a missing one is refused where there were leases, unless it may be blank", () =>
  withDirectory((stateDir) => {
    const path = `${stateDir}/${DATABASE_FILE}`;
    // Without a row there is nothing to lose.
    const database = LeaseDatabase.open(stateDir);
    database.commit(new Uint8Array(), [["diskId", "1"]]);
    database.close();
    Deno.removeSync(path);
    fill(stateDir, 1);
    Deno.removeSync(path);
    refuses(stateDir, "missing", /it is missing, and .*highwater shows that it had leases: .*restore.*--bootstrap/);
    const blank = LeaseDatabase.open(stateDir, { mayStartBlank: true });
    blank.close();
    deepStrictEqual(blank.behind, { found: 0, acknowledged: 1 });
  }));

function openAndClose(stateDir: string): LeaseDatabase {
  const database = LeaseDatabase.open(stateDir);
  database.close();
  return database;
}
