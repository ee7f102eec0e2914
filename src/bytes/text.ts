/** Short texts, of which nearly all are ASCII: the native decoder takes longer to call than to decode a host name. */

const utf8 = new TextDecoder();

/** Decodes UTF-8; what is none becomes U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  for (let index = 0; index < bytes.length; index++) {
    if ((bytes[index] as number) >= 0x80) return utf8.decode(bytes);
  }
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}
