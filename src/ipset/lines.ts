import { VALUE_PARTS } from './entry-keys.js';
import { EntryParts, LinePart, SetGrammar } from '../native/records.js';
import type { EntryLayout } from './layout.js';
import type { EntryPart } from './set-types.js';
import { setFieldText } from './fields.js';

const HASH = 35;
const SEMICOLON = 59;
const QUOTE = 34;

/** Space, tab, carriage return. */
function isBlank(c: number): boolean {
  return c === 32 || c === 9 || c === 13;
}

/**
 * What a line says: without the comment, which begins with `#` or `;` at the start or behind white space (not inside double quotes), and
 * without the white space around it. Empty for a line that says nothing.
 */
export function lineContent(line: string): string {
  let end = line.length;
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line.charCodeAt(i);
    if (c === QUOTE) quoted = !quoted;
    else if (!quoted && (c === HASH || c === SEMICOLON) && (i === 0 || isBlank(line.charCodeAt(i - 1)))) {
      end = i;
      break;
    }
  }
  let from = 0;
  while (from < end && isBlank(line.charCodeAt(from))) from++;
  while (end > from && isBlank(line.charCodeAt(end - 1))) end--;
  return line.slice(from, end);
}

/** How the native reader sees the parts; one that is not here is left to the grammar in pack.ts, and all types that have it. */
const KINDS: Readonly<Partial<Record<EntryPart, number>>> = {
  ip: LinePart.lineIp,
  host: LinePart.lineIp,
  net: LinePart.lineNet,
  protocolPort: LinePart.lineProtocolPort,
  ip2: LinePart.lineIp2,
  net2: LinePart.lineNet2,
  port: LinePart.linePort,
  mac: LinePart.lineMac,
  mark: LinePart.lineMark,
  iface: LinePart.lineInterface,
  set: LinePart.lineName,
};

/** Parts that can be a range; of addresses only IPv4 ones. */
const RANGES: ReadonlySet<EntryPart> = new Set<EntryPart>(['ip', 'net', 'net2', 'port', 'protocolPort']);
const PORTS: ReadonlySet<EntryPart> = new Set<EntryPart>(['port', 'protocolPort']);

/**
 * The SetGrammar record for the entries of a set. It tells the native reader the plain forms only; what is not plain, it leaves to
 * packEntry, so that there is one grammar.
 * @param prefix what every line starts with, at most 47 bytes; nothing by default
 */
export function lineGrammar(layout: EntryLayout, prefix = ''): Uint8Array {
  const record = new Uint8Array(SetGrammar.size);
  const u32 = new Uint32Array(record.buffer);
  u32[SetGrammar.parts >> 2] = layout.mask;
  const { parts, flags, zeroPrefix } = layout.spec;
  const nomatch = flags.includes('nomatch') ? EntryParts.entryCadtFlags : 0;
  u32[SetGrammar.options >> 2] = (VALUE_PARTS & ~layout.lacking) | nomatch;
  record[SetGrammar.family] = layout.af;
  const kinds = parts.map((part) => {
    const kind = KINDS[part];
    if (kind === undefined) return undefined;
    const isNet = part === 'net' || part === 'net2';
    const range = RANGES.has(part) && (PORTS.has(part) || !layout.ipv6);
    return kind | (range ? LinePart.lineRange : 0) | (isNet && zeroPrefix ? LinePart.lineWhole : 0);
  });
  if (kinds.every((kind) => kind !== undefined)) {
    record[SetGrammar.count] = kinds.length;
    record.set(kinds, SetGrammar.kinds);
  }
  setFieldText(record, SetGrammar.prefix, prefix);
  return record;
}
