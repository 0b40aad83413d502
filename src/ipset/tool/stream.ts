import { type Invocation, parseInvocation, type ToolOptions } from './commands.js';
import type { ExecutableInvocation, ToolAnswer, ToolExecutor } from './executor.js';
import { LineFault } from './executor.js';
import { isBlank, splitWords } from './words.js';

/** Text in pieces of any size, or whole. */
export type TextInput = string | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;

/** The lines of a text, without their ends, as many at a time as a piece has. */
export async function* lineBlocks(input: TextInput): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of typeof input === 'string' ? [input] : input) {
    const lines = (
      rest + (typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true }))
    ).split('\n');
    rest = lines.pop() ?? '';
    yield lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield [rest];
}

/** What happens on the way through a restore. */
export interface StreamHandlers {
  /** Commands that this module does not run. @returns true to end */
  other(invocation: Exclude<Invocation, ExecutableInvocation>): Promise<boolean>;
  /** What a command has to say. @returns true to end */
  answer(answer: ToolAnswer): Promise<boolean>;
}

/** How far a restore came. */
export interface StreamResult {
  readonly lines: number;
  readonly commands: number;
}

/** Run the lines of a restore. @throws LineFault */
export async function runLines(
  input: TextInput,
  executor: ToolExecutor,
  options: ToolOptions,
  handlers: StreamHandlers,
  signal?: AbortSignal,
): Promise<StreamResult> {
  let number = 0;
  let commands = 0;
  try {
    for await (const lines of lineBlocks(input)) {
      signal?.throwIfAborted();
      for (const line of lines) {
        number++;
        const taken = executor.takePlain(line, number, options.exist);
        if (taken === false) {
          if (isBlank(line)) continue;
          if (/^\s*COMMIT\r?$/.test(line)) {
            await executor.settle();
            continue;
          }
          if (await runLine(line, number, executor, options, handlers)) {
            return { lines: number, commands: commands + 1 };
          }
        } else if (taken !== true) await taken;
        commands++;
      }
    }
    await executor.settle();
    return { lines: number, commands };
  } catch (err) {
    throw await earliest(executor, err, number);
  }
}

/** @returns true to end */
async function runLine(
  line: string,
  number: number,
  executor: ToolExecutor,
  options: ToolOptions,
  handlers: StreamHandlers,
): Promise<boolean> {
  const invocation = parseInvocation(splitWords(line), options, 'restore');
  switch (invocation.command) {
    case 'create':
    case 'add':
    case 'del':
    case 'test':
    case 'rename':
    case 'swap':
    case 'destroy':
    case 'flush':
      return handlers.answer(await executor.run(invocation, options.exist, number));
    default:
      await executor.settle();
      return handlers.other(invocation);
  }
}

/** What was taken before a faulty line is done first; a fault there is the one to report. */
async function earliest(executor: ToolExecutor, err: unknown, number: number): Promise<unknown> {
  if (err instanceof LineFault) return err;
  try {
    await executor.settle();
  } catch (earlier) {
    if (earlier instanceof LineFault) return earlier;
  }
  return new LineFault(number, err);
}
