/**
 * A case as one file. With one input it is the file itself, so that a packet or a configuration stays what it is; with
 * several, each input has its length in front, in two octets.
 */

const LENGTH_OCTETS = 2;

export function packCase(inputs: readonly Uint8Array[], isSequence: boolean): Uint8Array {
  if (!isSequence) return inputs[0] ?? new Uint8Array();
  const bytes = new Uint8Array(inputs.reduce((sum, input) => sum + LENGTH_OCTETS + input.length, 0));
  let at = 0;
  for (const input of inputs) {
    bytes[at] = input.length >>> 8;
    bytes[at + 1] = input.length;
    bytes.set(input, at + LENGTH_OCTETS);
    at += LENGTH_OCTETS + input.length;
  }
  return bytes;
}

export function unpackCase(bytes: Uint8Array, isSequence: boolean): Uint8Array[] {
  if (!isSequence) return [bytes];
  const inputs: Uint8Array[] = [];
  for (let at = 0; at + LENGTH_OCTETS <= bytes.length;) {
    const length = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    inputs.push(bytes.subarray(at + LENGTH_OCTETS, at + LENGTH_OCTETS + length));
    at += LENGTH_OCTETS + length;
  }
  return inputs;
}
