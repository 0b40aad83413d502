import type { AdmIo, AdmOutput } from './adm/io.js';
import type { CliContext } from './io.js';

/** Outputs and input for the commands that speak another tool's language. They stream where the process does. */
export function streamsOf({ io }: CliContext): AdmIo {
  return (
    io.streams ?? {
      stdout: output((text) => io.out(text)),
      stderr: output((text) => io.err(text)),
      stdin: standardInput(() => io.readStdin()),
    }
  );
}

function output(print: (text: string) => void): AdmOutput {
  return {
    write: (text) => {
      print(text);
      return true;
    },
    once: () => undefined,
  };
}

/** Read when it is asked for: most commands leave it alone. */
async function* standardInput(read: () => Promise<string>): AsyncIterable<string> {
  yield await read();
}
