import { ValidationError } from '../errors.js';
import { formatCreate } from './text/create.js';
import { noOptions, parseInvocation } from './tool/commands.js';
import { parseCreate } from './tool/create.js';
import { NO_TOOL_NAMES, type ToolNames } from './tool/names.js';
import { lineBlocks, type TextInput } from './tool/stream.js';
import { isBlank, splitWords } from './tool/words.js';
import type { CreateOptions, SetType } from './types.js';

/** A line of a text in the form of `ipset save`. */
export type IpsetRecord =
  | {
      readonly command: 'create';
      readonly set: string;
      readonly type: SetType;
      readonly options: CreateOptions;
    }
  | {
      readonly command: 'add' | 'del' | 'test';
      readonly set: string;
      /** The entry with its options, as text: what `add`, `delete` and `has` of a set take. */
      readonly entry: string;
    }
  | { readonly command: 'flush' | 'destroy'; /** All sets when absent. */ readonly set?: string }
  | { readonly command: 'rename' | 'swap'; readonly set: string; readonly to: string };

/** A record with the number of its line, from 1 on. */
export type NumberedIpsetRecord = IpsetRecord & { readonly line: number };

/**
 * Read a text in the form of `ipset save` line by line, without a kernel: everything that `ipset restore` takes and that changes sets, in any
 * spelling. Comments, empty lines and COMMIT are passed over. Text is read as records are asked for. Entries stay text, since what they mean
 * depends on sets that the text need not make.
 *
 * @param names Answers to names in ranges of bitmaps. Default: none, so that they are refused.
 * @throws ValidationError naming `line N`
 */
export async function* parseIpsetSave(
  input: TextInput,
  names: ToolNames = NO_TOOL_NAMES,
): AsyncGenerator<NumberedIpsetRecord, void, undefined> {
  const options = noOptions();
  let line = 0;
  for await (const block of lineBlocks(input)) {
    for (const text of block) {
      line++;
      if (isBlank(text) || /^\s*COMMIT\r?$/.test(text)) continue;
      yield { ...readLine(text, line, names, options), line };
    }
  }
}

function readLine(
  text: string,
  line: number,
  names: ToolNames,
  options: ReturnType<typeof noOptions>,
): IpsetRecord {
  const path = `line ${String(line)}`;
  try {
    const invocation = parseInvocation(splitWords(text), options, 'restore');
    switch (invocation.command) {
      case 'create': {
        const { type, options: create } = parseCreate(invocation.type, invocation.rest, names);
        return { command: 'create', set: invocation.set, type, options: create };
      }
      case 'add':
      case 'del':
      case 'test': {
        const { command, set, element, rest } = invocation;
        return { command, set, entry: [element, ...rest.map(optionWord)].join(' ') };
      }
      case 'flush':
      case 'destroy': {
        const { command, set } = invocation;
        return set === undefined ? { command } : { command, set };
      }
      case 'rename':
      case 'swap':
        return invocation;
      default:
        throw new ValidationError(path, 'a command that changes sets', text);
    }
  } catch (err) {
    if (err instanceof ValidationError || !(err instanceof Error)) throw err;
    throw new ValidationError(path, `a command of ipset (${err.message})`, text, { cause: err });
  }
}

/** Comments come without their quotes from the line and need them again. */
function optionWord(word: string, i: number, words: readonly string[]): string {
  return words[i - 1]?.replace(/^--/, '') === 'comment' ? `"${word}"` : word.replace(/^--/, '');
}

/** A record as a line of `ipset restore`, without its end. Inverse of {@link parseIpsetSave}. */
export function formatIpsetRecord(record: IpsetRecord): string {
  switch (record.command) {
    case 'create': {
      const { set, type, options } = record;
      return formatCreate({ ...options, name: set, type } as Parameters<typeof formatCreate>[0]);
    }
    case 'add':
    case 'del':
    case 'test':
      return `${record.command} ${record.set} ${record.entry}`;
    case 'flush':
    case 'destroy':
      return record.set === undefined ? record.command : `${record.command} ${record.set}`;
    case 'rename':
    case 'swap':
      return `${record.command} ${record.set} ${record.to}`;
  }
}
