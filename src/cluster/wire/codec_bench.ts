import { decodeMessage, encodeMessage } from "./codec.ts";
import type { LeaseAck } from "./messages.ts";
import { busyBatch, ENVELOPE } from "./testing/batch.ts";

const BATCH = busyBatch(10);
const BYTES = encodeMessage(ENVELOPE, BATCH);
const ACK: LeaseAck = { type: "leaseAck", incarnation: 7, first: 1_000, answers: Array(10).fill({ ok: true }) };
const ACK_BYTES = encodeMessage(ENVELOPE, ACK);

Deno.bench(`encode a batch of 10 (${BYTES.length} octets)`, () => void encodeMessage(ENVELOPE, BATCH));
Deno.bench("decode a batch of 10", () => void decodeMessage(BYTES));
Deno.bench(`encode an acknowledgement of 10 (${ACK_BYTES.length} octets)`, () => void encodeMessage(ENVELOPE, ACK));
Deno.bench("decode an acknowledgement of 10", () => void decodeMessage(ACK_BYTES));
