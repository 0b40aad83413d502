import { Readable } from 'node:stream';
import type { AdmIo } from '../../src/cli/adm/io.js';
import type { Outcome } from './transcript.js';

/** Run a command line in this process, and collect what it prints. */
export async function inProcess(
  stdin: string | readonly string[],
  program: (io: AdmIo) => Promise<number>,
): Promise<Outcome> {
  const texts = { stdout: '', stderr: '' };
  const output = (name: keyof typeof texts) => ({
    write: (text: string) => {
      texts[name] += text;
      return true;
    },
    once: () => undefined,
  });
  const code = await program({
    stdout: output('stdout'),
    stderr: output('stderr'),
    stdin: Readable.from(typeof stdin === 'string' ? [stdin] : stdin),
  });
  return { ...texts, code };
}
