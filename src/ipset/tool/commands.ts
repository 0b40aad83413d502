import { ToolError } from './error.js';

/** Commands of ipset(8), by their first names. */
export type CommandName =
  | 'create'
  | 'add'
  | 'del'
  | 'test'
  | 'destroy'
  | 'list'
  | 'save'
  | 'restore'
  | 'flush'
  | 'rename'
  | 'swap'
  | 'help'
  | 'version'
  | 'quit';

interface CommandRow {
  readonly name: CommandName;
  readonly others: readonly string[];
  /** Names behind it: two that must be there, one that may, none. */
  readonly takes: 2 | '0-1' | 0;
}

/** In the order in which shortened names are looked for. */
const COMMANDS: readonly CommandRow[] = [
  { name: 'create', others: ['new', '-N'], takes: 2 },
  { name: 'add', others: ['-A'], takes: 2 },
  { name: 'del', others: ['-D'], takes: 2 },
  { name: 'test', others: ['-T'], takes: 2 },
  { name: 'destroy', others: ['x', '-X'], takes: '0-1' },
  { name: 'list', others: ['-L'], takes: '0-1' },
  { name: 'save', others: ['-S'], takes: '0-1' },
  { name: 'restore', others: ['-R'], takes: 0 },
  { name: 'flush', others: ['-F'], takes: '0-1' },
  { name: 'rename', others: ['e', '-E'], takes: 2 },
  { name: 'swap', others: ['w', '-W'], takes: 2 },
  { name: 'help', others: ['-h', '-H'], takes: '0-1' },
  { name: 'version', others: ['-v', '-V'], takes: 0 },
  { name: 'quit', others: [], takes: 0 },
];

/** A word names the first command that has a name beginning with it; two dashes in front do not count. */
function findCommand(word: string): CommandRow | undefined {
  const given = word.startsWith('--') ? word.slice(2) : word;
  if (given === '' || word === '-') return undefined;
  return COMMANDS.find(({ name, others }) => [name, ...others].some((known) => known.startsWith(given)));
}

/** How a command prints. */
export type OutputMode = 'plain' | 'save' | 'xml' | 'json';

/** Options that may stand anywhere. In restores and in interactive mode they stay in force for the lines behind them, as in the tool. */
export interface ToolOptions {
  exist: boolean;
  quiet: boolean;
  sorted: boolean;
  resolve: boolean;
  namesOnly: boolean;
  terse: boolean;
  output: OutputMode | undefined;
  file: string | undefined;
}

/** No option given. */
export function noOptions(): ToolOptions {
  return {
    exist: false,
    quiet: false,
    sorted: false,
    resolve: false,
    namesOnly: false,
    terse: false,
    output: undefined,
    file: undefined,
  };
}

/** In the order in which the tool looks for them, each in all words. */
const OPTIONS: readonly { readonly short: string; readonly long: string; readonly take: Take }[] = [
  { short: '-o', long: '-output', take: { argument: setOutput } },
  { short: '-s', long: '-sorted', take: { flag: 'sorted' } },
  { short: '-q', long: '-quiet', take: { flag: 'quiet' } },
  { short: '-r', long: '-resolve', take: { flag: 'resolve' } },
  { short: '-!', long: '-exist', take: { flag: 'exist' } },
  { short: '-n', long: '-name', take: { flag: 'namesOnly' } },
  { short: '-t', long: '-terse', take: { flag: 'terse' } },
  { short: '-f', long: '-file', take: { argument: setFile } },
];

type Take =
  | { readonly flag: 'sorted' | 'quiet' | 'resolve' | 'exist' | 'namesOnly' | 'terse' }
  | { readonly argument: (options: ToolOptions, text: string) => void };

function setOutput(options: ToolOptions, text: string): void {
  if (text !== 'plain' && text !== 'save' && text !== 'xml' && text !== 'json') {
    throw new ToolError('syntax', `Syntax error: unknown output mode '${text}'`);
  }
  options.output = text;
}

function setFile(options: ToolOptions, text: string): void {
  if (options.file !== undefined) {
    throw new ToolError('usage', '-file option cannot be used when full io is activated');
  }
  options.file = text;
}

/** A command line taken apart; what the words behind a set's name mean depends on the set's type. */
export type Invocation =
  | {
      readonly command: 'create';
      readonly set: string;
      readonly type: string;
      readonly rest: readonly string[];
    }
  | {
      readonly command: 'add' | 'del' | 'test';
      readonly set: string;
      readonly element: string;
      readonly rest: readonly string[];
    }
  | { readonly command: 'rename' | 'swap'; readonly set: string; readonly to: string }
  | { readonly command: 'destroy' | 'flush'; readonly set: string | undefined }
  | { readonly command: 'list' | 'save'; readonly set: string | undefined }
  | { readonly command: 'help'; readonly type: string | undefined }
  | { readonly command: 'restore' | 'version' | 'quit' }
  /** A single dash. */
  | { readonly command: 'interactive' }
  /** Only in interactive mode. */
  | { readonly command: 'none' };

/** Where a command line comes from. */
export type ToolMode = 'arguments' | 'restore' | 'interactive';

const NOT_IN_RESTORE: ReadonlySet<CommandName> = new Set(['restore', 'version', 'help']);

/**
 * Take a command line apart. Options go into `options`, which carries over from line to line.
 * @throws ToolError
 */
export function parseInvocation(
  argv: readonly string[],
  options: ToolOptions,
  mode: ToolMode = 'arguments',
): Invocation {
  const words = [...argv];
  takeOptions(words, options);
  const [first] = words;
  const row = first === undefined ? undefined : findCommand(first);
  if (row === undefined) return withoutCommand(first, mode);
  if (mode === 'restore' && NOT_IN_RESTORE.has(row.name)) {
    throw new ToolError('usage', `Command \`${row.name}' is invalid in restore mode.`);
  }
  words.shift();
  return withCommand(row, words);
}

function takeOptions(words: string[], options: ToolOptions): void {
  for (const { short, long, take } of OPTIONS) {
    for (let i = 0; i < words.length;) {
      const word = words[i]?.replace(/^--/, '-');
      if (word !== short && word !== long) {
        i++;
        continue;
      }
      words.splice(i, 1);
      if ('flag' in take) options[take.flag] = true;
      else {
        const [argument] = words.splice(i, 1);
        if (argument === undefined)
          throw new ToolError('usage', `Missing mandatory argument to option ${short}`);
        take.argument(options, argument);
      }
    }
  }
}

function withoutCommand(first: string | undefined, mode: ToolMode): Invocation {
  if (mode === 'interactive') return { command: 'none' };
  if (first === '-') return { command: 'interactive' };
  throw new ToolError(
    'usage',
    first === undefined ? 'No command specified.' : `No command specified: unknown argument ${first}`,
  );
}

function withCommand({ name, takes }: CommandRow, words: string[]): Invocation {
  const set = takes === 0 ? undefined : words.shift();
  const what = takes === 2 ? words.shift() : undefined;
  if (takes === 2 && set === undefined) {
    throw new ToolError('usage', `Missing mandatory argument to command ${name}`);
  }
  if (takes === 2 && what === undefined) {
    throw new ToolError('usage', `Missing second mandatory argument to command ${name}`);
  }
  switch (name) {
    case 'create':
      return { command: name, set: checkName(set ?? ''), type: what ?? '', rest: words };
    case 'add':
    case 'del':
    case 'test':
      return { command: name, set: checkName(set ?? ''), element: what ?? '', rest: words };
    case 'rename':
    case 'swap':
      checkName(set ?? '');
      checkName(what ?? '');
      noMore(words);
      return { command: name, set: set ?? '', to: what ?? '' };
    case 'destroy':
    case 'flush':
      if (set !== undefined) checkName(set);
      noMore(words);
      return { command: name, set };
    case 'list':
    case 'save':
      if (set !== undefined) checkName(set);
      noMore(words);
      return { command: name, set };
    case 'help':
      return { command: name, type: set };
    case 'version':
    case 'quit':
      return { command: name };
    case 'restore':
      noMore(words);
      return { command: name };
  }
}

/** @throws ToolError for names that the kernel has no room for */
export function checkName(name: string): string {
  if (new TextEncoder().encode(name).length > 31) {
    throw new ToolError('syntax', `Syntax error: setname '${name}' is longer than 31 characters`);
  }
  return name;
}

function noMore([word]: readonly string[]): void {
  if (word !== undefined) throw new ToolError('usage', `Unknown argument ${word}`);
}
