import { ValidationError } from '../../errors.js';
import { destinationName, parseRealServer, parseVirtualServer } from '../identity.js';
import type { RealServerSpec, VirtualServerSpec } from '../types.js';
import { CommandLineError } from './command-line-error.js';
import { type AdmCommand, parseCommand } from './command.js';
import { type NameSource, NO_NAMES } from './endpoint.js';
import { splitWords } from './words.js';

/** Options of {@link parseSave}. */
export interface ParseSaveOptions {
  /** Answers to names of hosts and ports, as `ipvsadm -S` without `-n` writes them. Default: none, so that names are refused. */
  readonly names?: NameSource;
}

interface Entry {
  readonly server: Omit<VirtualServerSpec, 'realServers'>;
  readonly realServers: Map<string, RealServerSpec>;
}

/**
 * Read the text that `ipvsadm -S` prints and `ipvsadm -R` takes: lines of `-A` and `-a` with everything that ipvsadm knows of them,
 * defaults included (forwarding `dr`, scheduler `wlc`, weight 1, persistence 360 s). Inverse of {@link import('../save.js').formatSave},
 * which with `{ thresholds: true }` loses nothing.
 *
 * Servers come in the order of the text. Scheduler flags come as `raw` bits.
 *
 * @throws ValidationError naming `line N` for a line that ipvsadm would refuse, any other command, a virtual server or real server
 *   that comes twice, and a real server whose virtual server no earlier line adds.
 */
export function parseSave(text: string, options: ParseSaveOptions = {}): VirtualServerSpec[] {
  const { names = NO_NAMES } = options;
  const entries = new Map<string, Entry>();
  for (const [i, line] of text.split('\n').entries()) {
    const words = splitWords(line);
    if (words.length > 0) take(entries, readLine(words, line, i + 1, names), line, i + 1);
  }
  return Array.from(entries.values(), ({ server, realServers }) => ({
    ...server,
    realServers: [...realServers.values()],
  }));
}

function at(number: number): string {
  return `line ${String(number)}`;
}

function readLine(words: readonly string[], line: string, number: number, names: NameSource): AdmCommand {
  try {
    return parseCommand(words, names);
  } catch (err) {
    if (!(err instanceof CommandLineError)) throw err;
    throw new ValidationError(at(number), `a command of ipvsadm (${err.message.trim()})`, line, {
      cause: err,
    });
  }
}

function take(entries: Map<string, Entry>, command: AdmCommand, line: string, number: number): void {
  if (command.command === 'add-service') {
    const { url } = parseVirtualServer(command.service);
    if (entries.has(url)) throw new ValidationError(at(number), `each virtual server once`, line);
    entries.set(url, { server: { url, ...command.attributes }, realServers: new Map() });
  } else if (command.command === 'add-server') {
    const id = parseVirtualServer(command.service);
    const entry = entries.get(id.url);
    if (entry === undefined) {
      throw new ValidationError(at(number), 'a virtual server that an earlier line adds', line);
    }
    const name = destinationName(parseRealServer(command.server, id));
    if (entry.realServers.has(name)) {
      throw new ValidationError(at(number), 'each real server once', line);
    }
    entry.realServers.set(name, { ...command.server, ...command.attributes });
  } else {
    throw new ValidationError(at(number), '-A or -a', line);
  }
}
