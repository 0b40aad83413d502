/** Where text goes: `process.stdout`, or anything that is written to in the same way. */
export interface AdmOutput {
  /** False: wait for `drain` before more is written. */
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

/** How the command talks to the world. */
export interface AdmIo {
  readonly stdout: AdmOutput;
  readonly stderr: AdmOutput;
  /** Read by `-R` only. */
  readonly stdin: AsyncIterable<string | Uint8Array>;
}

/** Write, and wait while the other side does not keep up. */
export async function write(output: AdmOutput, text: string): Promise<void> {
  if (text === '' || output.write(text)) return;
  await new Promise<void>((resolve) => {
    output.once('drain', resolve);
  });
}

/** Lines of a text that comes in pieces, without their ends. */
export async function* linesOf(input: AsyncIterable<string | Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of input) {
    const lines = (
      rest + (typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true }))
    ).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
