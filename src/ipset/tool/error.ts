/**
 * What is wrong with a command line of ipset(8), in its words.
 *
 * - `syntax`: a value that makes no sense. Restores put the number of the line in front; exit code 1.
 * - `range`: a form of the element that the command does not take. Exit code 1, no line number.
 * - `usage`: words that make no command. Exit code 2, no line number, a hint behind it.
 */
export class ToolError extends Error {
  readonly fault: 'syntax' | 'range' | 'usage';

  constructor(fault: ToolError['fault'], message: string) {
    super(message);
    this.name = 'ToolError';
    this.fault = fault;
  }
}

/** @throws ToolError (`syntax`), as the tool begins them */
export function syntaxError(message: string): ToolError {
  return new ToolError('syntax', `Syntax error: ${message}`);
}

/** The same fault with one more line, which is how the tool says what a failing part means for the whole. */
export function andThen(err: unknown, message: string): unknown {
  return err instanceof ToolError ? new ToolError(err.fault, `${err.message}\n${message}`) : err;
}
