import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('support/lifetime-program.mjs', import.meta.url));

/** Run one part of the program in a process of its own, where descriptors can be counted and garbage can be collected. */
async function inProcess(part: string): Promise<unknown> {
  const child = spawn(process.execPath, ['--expose-gc', program, part], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null, string | null]>,
  ]);
  if (code !== 0) throw new Error(`${part} ended with ${String(code ?? signal)}: ${stderr}`);
  return JSON.parse(stdout);
}

describe('sockets', () => {
  it('are closed with their handle', async () => {
    expect(await inProcess('close')).toEqual({ before: 0, open: 20, after: 0 });
  });

  it('are closed by the garbage collector when a handle was dropped', async () => {
    expect(await inProcess('drop')).toEqual({ before: 0, after: 0 });
  });

  it('let go of the namespace that they were opened in', async () => {
    expect(await inProcess('netnsFd')).toEqual({ namespaces: 0 });
  });
});

describe('several environments', () => {
  it('load the addon side by side', async () => {
    expect(await inProcess('workers')).toEqual({ replies: 80, sockets: 0 });
  });

  it('may end in the middle of a call', async () => {
    expect(await inProcess('terminate')).toEqual({ ended: 16, sockets: 0 });
  });

  it('cannot use each other’s handles', async () => {
    expect(await inProcess('foreign')).toEqual({ error: 'DataCloneError' });
  });

  it('let the process exit while a call is under way', async () => {
    expect(await inProcess('exit')).toEqual({ exiting: true });
  });
});
