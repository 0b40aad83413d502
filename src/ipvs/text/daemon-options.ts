import { formatAddress, tryParseAddress } from '../../net/address.js';
import { refuse } from './command-line-error.js';
import { classicAddress, decimal } from './numbers.js';
import type { OptionName } from './switches.js';

/** What a command line says about a sync daemon; what is absent is the kernel's choice. */
export interface DaemonArguments {
  readonly interface?: string;
  readonly syncId?: number;
  readonly maxLength?: number;
  readonly group?: string;
  readonly port?: number;
  readonly ttl?: number;
}

/** Longest name of an interface; the tool cuts it without a word. */
const MAX_INTERFACE = 15;
/** What an IPv4 packet can carry behind its IP and UDP headers. */
const MAX_MESSAGE = 65_535 - 20 - 8;

const within =
  (min: number, max: number, what: string) =>
  (text: string): number =>
    decimal(text, min, max) ?? refuse(`illegal ${what} specified`);

const syncId = within(0, 255, 'syncid');
const maxLength = within(1, MAX_MESSAGE, 'sync-maxlen');
const port = within(1, 65_535, 'mcast-port');
const ttl = within(1, 255, 'mcast-ttl');

/** What one option of a sync daemon says; undefined for options of other things. @throws CommandLineError */
export function readDaemonOption(option: OptionName, text: string): DaemonArguments | undefined {
  switch (option) {
    case 'mcast-interface':
      return { interface: text.slice(0, MAX_INTERFACE) };
    case 'syncid':
      return { syncId: syncId(text) };
    case 'sync-maxlen':
      return { maxLength: maxLength(text) };
    case 'mcast-group':
      return { group: multicastGroup(text) };
    case 'mcast-port':
      return { port: port(text) };
    case 'mcast-ttl':
      return { ttl: ttl(text) };
    default:
      return undefined;
  }
}

function multicastGroup(text: string): string {
  const six = text.includes(':');
  const parsed = tryParseAddress(six ? text : (classicAddress(text) ?? ''));
  const [first = 0] = parsed?.bytes ?? [];
  const multicast = six ? first === 0xff : first >= 224 && first < 240;
  if (parsed === undefined || !multicast) refuse(`invalid ${six ? 'IPv6' : 'IPv4'} mcast-group \`${text}'`);
  return formatAddress(parsed.bytes, parsed.family);
}
