import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { isNetlinkError } from '../../errors.js';
import type { OutputMode } from '../../ipset/tool/commands.js';
import { ToolError } from '../../ipset/tool/error.js';
import { Refusal } from '../../ipset/tool/executor.js';
import { kernelMessage } from '../../ipset/tool/kernel-message.js';
import { PRINTERS } from '../../ipset/tool/print.js';
import { type RenderOptions, renderSets } from '../../ipset/tool/render.js';
import { SET_TYPES } from '../../ipset/set-types.js';
import type { SetContents } from '../../ipset/types.js';
import { type AdmOutput, write } from '../adm/io.js';
import type { Session } from './session.js';

/** `list` and `save`. @throws ToolError, Refusal */
export async function show(
  session: Session,
  command: 'list' | 'save',
  name: string | undefined,
): Promise<void> {
  const { options, io } = session;
  const mode: OutputMode = options.output ?? (command === 'list' ? 'plain' : 'save');
  // What is to be read back is never cut short.
  const depth =
    mode === 'save' ? 'everything' : options.namesOnly ? 'names' : options.terse ? 'headers' : 'everything';
  const file = options.file === undefined ? undefined : await openOutput(options.file);
  const output = file?.output ?? io.stdout;
  try {
    const sets = await read(session, command, name, depth !== 'everything');
    const render: RenderOptions = { depth, sorted: options.sorted };
    const named = options.resolve ? await resolving(session, sets) : {};
    for await (const piece of renderSets(sets, PRINTERS[mode], { ...render, ...named })) {
      await write(output, piece);
    }
  } finally {
    await file?.close();
  }
}

async function read(
  { ipset }: Session,
  command: 'list' | 'save',
  name: string | undefined,
  headersOnly: boolean,
): Promise<readonly SetContents[]> {
  try {
    return await ipset.contents({ headersOnly, ...(name === undefined ? {} : { name: name || '\0' }) });
  } catch (err) {
    throw isNetlinkError(err) ? new Refusal(err, kernelMessage(err, command)) : err;
  }
}

async function openOutput(
  path: string,
): Promise<{ readonly output: AdmOutput; readonly close: () => Promise<void> }> {
  try {
    const handle = await open(path, 'w');
    const output = createWriteStream(path, { fd: handle });
    return {
      output,
      close: async () => {
        output.end();
        await finished(output);
      },
    };
  } catch (err) {
    throw new ToolError('syntax', `Cannot open ${path} for writing: ${reason(err)}`);
  }
}

/** strerror(3) of what opening a file gives. */
export function reason(err: unknown): string {
  const code = typeof err === 'object' && err !== null && 'code' in err ? err.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'No such file or directory';
    case 'EACCES':
      return 'Permission denied';
    case 'EISDIR':
      return 'Is a directory';
    case 'ENOTDIR':
      return 'Not a directory';
    default:
      return err instanceof Error ? err.message : String(err);
  }
}

/** Addresses by their names, and the plain order of characters, as the tool sorts then. */
async function resolving(session: Session, sets: readonly SetContents[]): Promise<RenderOptions> {
  const addresses = new Set<string>();
  for (const set of sets) {
    for (let i = 0; i < set.length; i++)
      replaceAddresses(set, set.text(i), (address) => (addresses.add(address), address));
  }
  const nameOf = await session.names.hosts(addresses);
  return {
    entryText: (set, text) => replaceAddresses(set, text, nameOf),
    compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  };
}

const ADDRESSES: ReadonlySet<string> = new Set(['ip', 'host', 'net', 'ip2', 'net2']);

function replaceAddresses(
  { header }: SetContents,
  text: string,
  nameOf: (address: string) => string,
): string {
  const { parts } = SET_TYPES[header.type];
  const blank = text.indexOf(' ');
  const element = blank < 0 ? text : text.slice(0, blank);
  const renamed = element.split(',').map((part, i) => {
    if (!ADDRESSES.has(parts[i] ?? '')) return part;
    const slash = part.indexOf('/');
    return slash < 0 ? nameOf(part) : nameOf(part.slice(0, slash)) + part.slice(slash);
  });
  return renamed.join(',') + (blank < 0 ? '' : text.slice(blank));
}
