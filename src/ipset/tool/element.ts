import type { Family } from '../../net/address.js';
import type { EntryPart, SetTypeSpec } from '../set-types.js';
import { type AddressForm, parseAddress, separatorAt, type ToolAddress } from './address.js';
import { checkName } from './commands.js';
import { syntaxError, ToolError } from './error.js';
import type { ToolNames } from './names.js';
import { number } from './numbers.js';
import { type ElementOptions, optionText, parseElementOptions } from './element-options.js';
import { parseNeutralPort, parseProtocolPort, portText } from './ports.js';

/** Which set an element is of. */
export interface ElementContext {
  readonly spec: SetTypeSpec;
  readonly family: Family | undefined;
  readonly names: ToolNames;
}

/** An element of a command line. */
export interface ToolElement {
  /** As this package reads it, options included. */
  readonly text: string;
  /** What `test` asks: the beginning of a range, as the tool does. Undefined when no set can hold it. */
  readonly question: string | undefined;
  /** As the tool repeats it in the answer to `test`. */
  readonly display: string;
}

/** One part of an element. */
interface Part {
  readonly text: string;
  readonly question: string;
  readonly display: string;
  /** Forms that some commands do not take. */
  readonly form?: 'network' | 'range' | 'ports';
  /** What the kernel says to it when it is to be added; it never matches then. */
  readonly refused?: string;
}

/**
 * Read the element of `add`, `del` or `test` with the options behind it, and say what the tool says about what is wrong with it.
 * @throws ToolError
 */
export function parseElement(
  command: 'add' | 'del' | 'test',
  element: string,
  rest: readonly string[],
  context: ElementContext,
): ToolElement {
  const { spec } = context;
  const words = splitElement(element, spec);
  let place = reference(words, spec);
  const parts = (place === undefined ? words : words.slice(0, 1)).map((word, i) =>
    parsePart(spec.parts[i] ?? 'ip', word, context),
  );
  const options = parseElementOptions(command, spec, rest, place);
  place = options.place;
  for (const part of parts) checkForm(command, part, spec, context.family);
  const refused = parts.find((part) => part.refused !== undefined)?.refused;
  if (refused !== undefined && command !== 'test') throw new ToolError('syntax', refused);
  const key = (name: 'text' | 'question' | 'display'): string => parts.map((part) => part[name]).join(',');
  const where = place === undefined ? '' : ` ${place.side} ${place.set}`;
  return {
    text: `${key('text')}${optionText(options)}${where}`,
    question: refused === undefined ? `${key('question')}${questionText(options)}${where}` : undefined,
    // The tool says "after" whatever was said.
    display: `${key('display')}${place === undefined ? '' : ` after ${place.set}`}`,
  };
}

function questionText({ nomatch, wildcard }: ElementOptions): string {
  return `${nomatch ? ' nomatch' : ''}${wildcard ? ' wildcard' : ''}`;
}

/** The parts between the commas. */
function splitElement(text: string, spec: SetTypeSpec): string[] {
  const words: string[] = [];
  let rest = text;
  // The third comma and those behind it are not looked for.
  while (words.length < 3) {
    const comma = separatorAt(rest, ',');
    if (comma < 0) break;
    words.push(rest.slice(0, comma));
    rest = rest.slice(comma + 1);
  }
  words.push(rest);
  const [least, most] = [spec.parts.filter((part) => part !== 'optionalMac').length, spec.parts.length];
  if (spec.kind === 'list') return words;
  if (least > 1 && words.length < 2) throw syntaxError(`Second element is missing from ${text}.`);
  if (most === 1 && words.length > 1) {
    throw syntaxError(`Elem separator in ${text}, but settype ${spec.name} supports none.`);
  }
  if (least > 2 && words.length < 3) throw syntaxError(`Third element is missing from ${text}.`);
  if (most === 2 && words.length > 2) {
    throw syntaxError(`Two elem separators in ${text}, but settype ${spec.name} supports one.`);
  }
  if (words.length > 3) {
    throw syntaxError(`Three elem separators in ${text}, but settype ${spec.name} supports two.`);
  }
  return words;
}

/** The old form of a place in a list: `member,before,other`. */
function reference(words: readonly string[], spec: SetTypeSpec): ElementOptions['place'] {
  if (spec.kind !== 'list' || words.length === 1) return undefined;
  const [, side, ...other] = words;
  if ((side !== 'before' && side !== 'after') || other.length === 0) {
    throw new ToolError('syntax', 'you must specify elements as setname,[before|after],setname');
  }
  return { side, set: checkName(other.join(',')) };
}

function parsePart(part: EntryPart, word: string, { spec, family = 'inet', names }: ElementContext): Part {
  switch (part) {
    case 'ip':
      return addressPart(
        parseAddress(word, family, family === 'inet' ? 'any' : 'plain', names),
        spec,
        family,
      );
    case 'host': {
      const form: AddressForm = spec.name === 'bitmap:ip,mac' || family === 'inet6' ? 'plain' : 'any';
      return addressPart(parseAddress(word, family, form, names), spec, family);
    }
    case 'ip2': {
      const { ip } = parseAddress(word, family, 'plain', names);
      return same(ip);
    }
    case 'net':
      return networkPart(
        parseAddress(word, family, family === 'inet' ? 'any' : 'network', names),
        spec,
        family,
      );
    case 'net2': {
      const address = parseAddress(word, family, family === 'inet' ? 'any' : 'network', names);
      const { text, question, refused } = networkPart(address, spec, family);
      // The tool looks at the form of the first one only, and does not repeat where a range of the second one ends.
      const display = address.to === undefined ? text : address.ip;
      return { text, question, display, ...(refused === undefined ? {} : { refused }) };
    }
    case 'protocolPort': {
      const parsed = parseProtocolPort(word, family === 'inet6', names);
      const { protocol, portTo } = parsed;
      return {
        ...same(portText(parsed)),
        ...(portTo === undefined ? {} : { form: 'ports' }),
        ...(protocol === 0 ? { refused: 'Invalid protocol specified' } : {}),
      };
    }
    case 'port': {
      const { port, portTo } = parseNeutralPort(word, names);
      return portTo === undefined ? same(String(port)) : { ...same(`${port}-${portTo}`), form: 'ports' };
    }
    case 'mac':
    case 'optionalMac':
      return same(parseMac(word));
    case 'mark':
      return same(`0x${number(word, 0, 0xffff_ffff).toString(16).padStart(8, '0')}`);
    case 'iface':
      return interfacePart(word);
    case 'set':
      return same(checkName(word));
  }
}

function same(text: string): Part {
  return { text, question: text, display: text };
}

const INVALID_PREFIX = 'The value of the CIDR parameter of the IP address is invalid';

/** Addresses: a network or a range stands for all of them. */
function addressPart({ ip, prefix, to }: ToolAddress, spec: SetTypeSpec, family: Family): Part {
  const full = family === 'inet' ? 32 : 128;
  if (to !== undefined) {
    const text = `${ip}-${to}`;
    return { text, question: ip, display: text, form: 'range' };
  }
  if (prefix === undefined) return same(ip);
  const text = prefix === full ? ip : `${ip}/${prefix}`;
  return { text, question: ip, display: text, form: 'network', ...zeroPrefix(ip, prefix, spec) };
}

function zeroPrefix(ip: string, prefix: number, spec: SetTypeSpec): { readonly refused?: string } {
  if (prefix !== 0 || spec.zeroPrefix) return {};
  const zero = spec.name === 'hash:ip' && ip === '0.0.0.0';
  return { refused: zero ? 'Null-valued element, cannot be stored in a hash type of set' : INVALID_PREFIX };
}

/** Networks: a range stands for the networks that it is made of. */
function networkPart(address: ToolAddress, spec: SetTypeSpec, family: Family): Part {
  const { ip, prefix, to } = address;
  if (to !== undefined) return { text: `${ip}-${to}`, question: ip, display: `${ip}-${to}`, form: 'range' };
  if (prefix === undefined) return same(ip);
  const text = prefix === (family === 'inet' ? 32 : 128) ? ip : `${ip}/${prefix}`;
  return { ...same(text), form: 'network', ...zeroPrefix(ip, prefix, spec) };
}

function parseMac(text: string): string {
  const bytes = text.split(':');
  if (bytes.length !== 6 || !bytes.every((byte) => /^\+?[0-9a-fA-F]{1,2}$/.test(byte))) {
    throw syntaxError(`cannot parse '${text}' as ethernet address`);
  }
  return bytes.map((byte) => Number.parseInt(byte, 16).toString(16).padStart(2, '0').toUpperCase()).join(':');
}

const PHYSDEV = 'physdev:';

function interfacePart(word: string): Part {
  const name = word.startsWith(PHYSDEV) ? word.slice(PHYSDEV.length) : word;
  if (new TextEncoder().encode(name).length > 15) {
    throw syntaxError(`interface name '${name}' is longer than 15 characters`);
  }
  return { text: word, question: word, display: name };
}

/** Ranges where the command takes none. */
function checkForm(
  command: 'add' | 'del' | 'test',
  { form }: Part,
  spec: SetTypeSpec,
  family: Family | undefined,
): void {
  if (form === undefined || formsOf(command, spec).has(form)) return;
  const what =
    form === 'network' ? 'IP/CIDR range' : form === 'range' ? 'FROM-TO IP range' : 'FROM-TO port range';
  throw new ToolError(
    'range',
    `${what} is not allowed in command ${command} with set type ${spec.name} and family ${family ?? 'unspec'}`,
  );
}

function formsOf(command: 'add' | 'del' | 'test', spec: SetTypeSpec): ReadonlySet<Part['form']> {
  const [first] = spec.parts;
  const forms = new Set<Part['form']>();
  if (command !== 'test') {
    forms.add('ports');
    if (first !== 'host') forms.add('network').add('range');
  } else if (spec.name === 'hash:ip' || spec.name === 'hash:ip,mark') forms.add('network').add('range');
  else if (first === 'net') forms.add('network');
  return forms;
}
