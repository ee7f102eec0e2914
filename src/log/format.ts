/**
 * Log records as lines: text for terminals and journals, JSON for collectors. Everything a client or an attacker may
 * have chosen (host names, identifiers) is escaped, so that they cannot forge a line or control a terminal.
 */

import type { LogLevel, LogRecord } from "@logtape/logtape";
import { toHex } from "../bytes/hex.ts";
import { formatIpv4 } from "../net/ipv4.ts";
import { escapeUnseen } from "../unseen.ts";

/** What text lines look like beyond the record itself. */
export interface TextStyle {
  readonly colours: boolean;
  /** sd-daemon(3): `<priority>` in front instead of time and level, which the journal keeps by itself. */
  readonly journal: boolean;
}

const ROOT = "dhcpcluster";

const LEVEL_TEXT: Readonly<Record<LogLevel, string>> = {
  trace: "TRACE",
  debug: "DEBUG",
  info: "INFO ",
  warning: "WARN ",
  error: "ERROR",
  fatal: "FATAL",
};

/** syslog(3). */
const PRIORITY: Readonly<Record<LogLevel, number>> = { trace: 7, debug: 7, info: 6, warning: 4, error: 3, fatal: 2 };

/** ECMA-48 §8.3.117, select graphic rendition. */
const COLOUR: Readonly<Record<LogLevel, string>> = {
  trace: "\x1b[90m",
  debug: "\x1b[90m",
  info: "\x1b[32m",
  warning: "\x1b[33m",
  error: "\x1b[31m",
  fatal: "\x1b[1;31m",
};
const FAINT = "\x1b[90m";
const PLAIN = "\x1b[0m";

const TEXT_CHARACTERS_MAX = 300;

/** One line, with its newline. */
type LineFormatter = (record: LogRecord) => string;

/**
 * Text lines: time, level, category, message, then the properties that the message does not show. Times are UTC.
 */
export function textFormatter(style: TextStyle): LineFormatter {
  return (record) => {
    const names = placeholders(record);
    const category = categoryOf(record);
    let message = "";
    for (const [index, part] of record.message.entries()) {
      message += index % 2 === 0 ? oneLine(String(part)) : textValue(names[(index - 1) / 2], part);
    }
    let rest = "";
    for (const [name, value] of Object.entries(record.properties)) {
      if (value === undefined || names.includes(name)) continue;
      rest += ` ${name}=${textValue(name, value, true)}`;
    }
    if (style.journal) return `<${PRIORITY[record.level]}>${category}: ${message}${rest}\n`;
    const time = new Date(record.timestamp).toISOString();
    const level = LEVEL_TEXT[record.level];
    if (!style.colours) return `${time} ${level} ${category}: ${message}${rest}\n`;
    const tinted = rest === "" ? "" : `${FAINT}${rest}${PLAIN}`;
    return `${FAINT}${time}${PLAIN} ${COLOUR[record.level]}${level}${PLAIN} ${category}: ${message}${tinted}\n`;
  };
}

/** JSON lines: `time`, `level`, `logger`, `message`, and the properties under `properties`. */
export function jsonFormatter(): LineFormatter {
  return (record) => {
    const names = placeholders(record);
    let message = "";
    for (const [index, part] of record.message.entries()) {
      message += index % 2 === 0 ? String(part) : plainText(names[(index - 1) / 2], part);
    }
    const properties: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(record.properties)) properties[name] = jsonValue(name, value, 0);
    const line = {
      time: new Date(record.timestamp).toISOString(),
      level: record.level,
      logger: record.category.join("."),
      message,
      ...(Object.keys(properties).length === 0 ? {} : { properties }),
    };
    return `${escapeUnseen(JSON.stringify(line))}\n`;
  };
}

/** The names in `{braces}` of a message, in the order of its values; none when the message is no template. */
function placeholders(record: LogRecord): string[] {
  if (typeof record.rawMessage !== "string") return [];
  const template = record.rawMessage.replaceAll("{{", "").replaceAll("}}", "");
  return Array.from(template.matchAll(/\{([^{}]+)\}/g), (match) => (match[1] as string).trim());
}

/** In text, `dhcpcluster.node.store` is `node.store`: the program's name is known. */
function categoryOf(record: LogRecord): string {
  const [root, ...rest] = record.category;
  return root === ROOT && rest.length > 0 ? rest.join(".") : record.category.join(".");
}

const ADDRESS_NAME = /^(?:address|from|to|source|destination|.*(?:addr|Address)|serverIdentifier)$/;

/** Numbers under names such as `giaddr` or `address` are IPv4 addresses; bytes are hexadecimal. */
function plainValue(name: string | undefined, value: unknown): unknown {
  if (typeof value === "number" && name !== undefined && ADDRESS_NAME.test(name)) {
    return Number.isInteger(value) && value >= 0 && value <= 0xffffffff ? formatIpv4(value) : value;
  }
  // RFC 2131 writes hardware addresses with colons; identifiers are easier to search for without.
  if (value instanceof Uint8Array) {
    return toHex(value, name === "chaddr" || /mac|hardware/i.test(name ?? "") ? ":" : "");
  }
  if (value instanceof Error) return value.message;
  return typeof value === "bigint" ? value.toString() : value;
}

function plainText(name: string | undefined, value: unknown): string {
  const plain = plainValue(name, value);
  if (typeof plain !== "object" || plain === null) return String(plain);
  return JSON.stringify(jsonValue(undefined, plain, 0));
}

/** Control characters escaped, long text cut; in quotes when asked and when spaces would blur where it ends. */
function textValue(name: string | undefined, value: unknown, delimited = false): string {
  const text = oneLine(plainText(name, value));
  const cut = text.length > TEXT_CHARACTERS_MAX ? `${text.slice(0, TEXT_CHARACTERS_MAX)}…` : text;
  return delimited && (cut === "" || /[\s"=]/.test(cut)) && !/^[[{]/.test(cut) ? JSON.stringify(cut) : cut;
}

function oneLine(text: string): string {
  return escapeUnseen(text.replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t"));
}

const DEPTH_MAX = 4;

function jsonValue(name: string | undefined, value: unknown, depth: number): unknown {
  const plain = plainValue(name, value);
  if (typeof plain !== "object" || plain === null) return plain;
  if (depth >= DEPTH_MAX) return "…";
  if (Array.isArray(plain)) return plain.map((item) => jsonValue(name, item, depth + 1));
  if (plain instanceof Map) return jsonValue(name, Object.fromEntries(plain), depth);
  if (plain instanceof Set) return jsonValue(name, [...plain], depth);
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(plain)) result[key] = jsonValue(key, item, depth + 1);
  return result;
}
