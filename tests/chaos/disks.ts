/**
 * The disks of the nodes: a small file system each, which can be filled, with a folder for each disk that the node had;
 * copies of them, and what the other nodes have heard of each.
 */

import { DatabaseSync } from "node:sqlite";
import { exists } from "../../src/cli/files.ts";
import { fill, mustMount } from "../../node/store/testing/mount.ts";
import type { Member } from "../e2e/cluster/member.ts";

const DISK_KIB = 48 * 1024;
const IMAGES_MAX = 4;

/** An earlier state of a disk. */
export interface Image {
  /** A database in one file. */
  readonly path: string;
  /** The folder of the disk that it is of. */
  readonly stateDir: string;
  readonly lsn: number;
}

export class Disks {
  readonly #images = new Map<number, Image[]>();
  /** By node: an lsn of its present disk that all others have heard of and written down. */
  readonly #heard = new Map<number, { readonly stateDir: string; readonly lsn: number }>();
  #serial = 0;

  /** Gives a node a disk before its first start. The laboratory unmounts it. */
  attach(member: Member): void {
    mustMount(["-t", "tmpfs", "-o", `size=${DISK_KIB}k`, "dhcpcluster-chaos", this.#root(member)]);
    this.#use(member);
  }

  /** Gives a stopped node an empty disk, and removes the former one. */
  blank(member: Member): void {
    const { stateDir } = member.config.node;
    this.#use(member);
    Deno.removeSync(stateDir, { recursive: true });
    // A disk that was replaced has heard of nothing.
    this.#heard.clear();
  }

  database(member: Member): string {
    return `${member.config.node.stateDir}/leases.db`;
  }

  fill(member: Member): void {
    fill(this.#filler(member));
  }

  empty(member: Member): void {
    if (exists(this.#filler(member))) Deno.removeSync(this.#filler(member));
  }

  /** Transactions that the disk has counted; 0 without a database. */
  lsn(member: Member): number {
    return exists(this.database(member)) ? lsnOf(this.database(member)) : 0;
  }

  /** The other nodes heard of this state and have written that down. */
  heard(member: Member, lsn: number): void {
    this.#heard.set(member.id, { stateDir: member.config.node.stateDir, lsn });
  }

  /** Whether all others know of a later state of the node's present disk than this one. */
  isKnownToOthers(member: Member, lsn: number): boolean {
    const heard = this.#heard.get(member.id);
    return heard?.stateDir === member.config.node.stateDir && lsn < heard.lsn;
  }

  /** Keeps a copy of a running node's disk. */
  async keepImage(member: Member): Promise<void> {
    const { stateDir } = member.config.node;
    const path = `${member.host.namespace.folder("backups")}/${++this.#serial}.db`;
    await member.command("backup", path);
    const images = this.#images.get(member.id) ?? [];
    images.push({ path, stateDir, lsn: lsnOf(path) });
    if (images.length > IMAGES_MAX) Deno.removeSync((images.shift() as Image).path);
    this.#images.set(member.id, images);
  }

  images(member: Member): readonly Image[] {
    return this.#images.get(member.id) ?? [];
  }

  /** Moves what is in the write-ahead log of a stopped node into the database, as an orderly end does. */
  closeInOrder(member: Member): void {
    const database = new DatabaseSync(this.database(member));
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    database.close();
  }

  /** Puts the disk of a stopped node back to an earlier state. */
  putBack(member: Member, { path }: Image): void {
    for (const suffix of ["", "-wal", "-shm"]) {
      if (exists(`${this.database(member)}${suffix}`)) Deno.removeSync(`${this.database(member)}${suffix}`);
    }
    Deno.copyFileSync(path, this.database(member));
  }

  #use(member: Member): void {
    const stateDir = `${this.#root(member)}/disk${++this.#serial}`;
    Deno.mkdirSync(stateDir, { mode: 0o700 });
    member.config = { ...member.config, node: { ...member.config.node, stateDir } };
  }

  #root(member: Member): string {
    return member.host.namespace.folder("disks");
  }

  #filler(member: Member): string {
    return `${this.#root(member)}/filler`;
  }
}

function lsnOf(path: string): number {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const row = database.prepare("SELECT value FROM meta WHERE key = 'lsn'").get() as { value: string } | undefined;
    return Number(row?.value ?? 0);
  } finally {
    database.close();
  }
}
