import { expect, it } from 'vitest';
import { isNetlinkError, isValidation, RestoreError } from '../../src/errors.js';
import { formatIpsetSave } from '../../src/ipset/dump.js';
import { restoreIpset } from '../../src/ipset/restore.js';
import type { Ipset } from '../../src/ipset/types.js';
import { describeOn } from '../support/backends.js';
import { rejection } from '../support/rejection.js';

async function saved(kernel: { readonly ipset: Ipset }, name?: string): Promise<string[]> {
  let text = '';
  const options = { sorted: true, ...(name === undefined ? {} : { name }) };
  for await (const piece of formatIpsetSave(kernel, options)) text += piece;
  return text.split('\n').filter((line) => line.startsWith('add '));
}

/** The rejection of a restore, taken apart. */
async function faultOf(work: Promise<unknown>): Promise<{ readonly line: number; readonly cause: unknown }> {
  const err = await rejection(work);
  if (!(err instanceof RestoreError)) throw err;
  return { line: err.line, cause: err.cause };
}

const address = (i: number): string => `10.${String(i >> 16)}.${String((i >> 8) & 255)}.${String(i & 255)}`;

/** `add` lines for 10.0.0.1 and those behind it. */
function* adds(count: number): Generator<string> {
  for (let i = 1; i <= count; i++) yield `add a ${address(i)}\n`;
}

describeOn(['ipset'], 'restoring and saving sets', (open) => {
  it('runs every command that changes sets, in any spelling', async () => {
    const kernel = await open();
    const text = `
      # a comment, and an empty line

      create a hash:ip
      -N b iphash --maxelem 10
      add a 10.0.0.1
      -A a 10.0.0.2
      --add a 10.0.0.3
      del a 10.0.0.1
      add b 10.1.0.1
      COMMIT
      swap a b
      rename b c
      add c 10.0.0.9
      create d bitmap:port range 1-9
      destroy d
      test c 10.0.0.9
      create e hash:ip,port
      add e 10.0.0.1,80
      flush e`;
    expect(await restoreIpset(kernel, text)).toEqual({ lines: 20, commands: 16 });
    expect(await saved(kernel)).toEqual([
      'add a 10.1.0.1',
      'add c 10.0.0.2',
      'add c 10.0.0.3',
      'add c 10.0.0.9',
    ]);
  });

  it('says which line was refused; what is before it stays, nothing behind it is done', async () => {
    const kernel = await open();
    const count = 20_000;
    const lines = [...adds(count)];
    lines[17_000] = lines[5] ?? '';
    const { line, cause } = await faultOf(restoreIpset(kernel, `create a hash:ip\n${lines.join('')}`));
    expect(line).toBe(17_002);
    expect(isNetlinkError(cause) && cause.code).toBe('IPSET_ERR_EXIST');
    expect(await (await kernel.ipset.get('a'))?.size()).toBe(17_000);
  });

  it('says which line makes no sense, and reads no further', async () => {
    const kernel = await open();
    let read = 0;
    function* input(): Generator<string> {
      yield 'create a hash:ip\n';
      for (const line of adds(200_000)) {
        read++;
        yield read === 1000 ? 'add a 10.0.0.1000\n' : line;
      }
    }
    const { line, cause } = await faultOf(restoreIpset(kernel, input()));
    expect(line).toBe(1001);
    expect(isValidation(cause) && cause.path).toBe('line 1001');
    expect(read).toBeLessThan(100_000);
    expect(await (await kernel.ipset.get('a'))?.size()).toBe(999);
  });

  it('takes text in pieces, cut anywhere', async () => {
    const kernel = await open();
    const text = 'create a hash:ip\r\nadd a 10.0.0.1\r\n# Grüße\nadd a 10.0.0.2\nadd a 10.0.0.3';
    const bytes = new TextEncoder().encode(text);
    for (const size of [1, 3, 7, 1000]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      expect((await restoreIpset(kernel, pieces, { exist: true })).lines).toBe(5);
    }
    expect(await saved(kernel)).toEqual(['add a 10.0.0.1', 'add a 10.0.0.2', 'add a 10.0.0.3']);
  });

  it('reads unusual spellings between plain ones as the tool does', async () => {
    const kernel = await open();
    const text = `create a hash:ip,port\nadd a 10.0.0.1,tcp:80\nadd a 010.1,udp:0x50\nadd a 10.0.0.2,TCP:80\n`;
    await restoreIpset(kernel, text);
    expect((await saved(kernel)).sort()).toEqual([
      'add a 10.0.0.1,tcp:80',
      'add a 10.0.0.2,tcp:80',
      'add a 8.0.0.1,udp:80',
    ]);
  });

  it('lets names be answered, and refuses them otherwise', async () => {
    const kernel = await open();
    const text = 'create a hash:ip,port\nadd a [web-1],[www-alt]\n';
    expect((await faultOf(restoreIpset(kernel, text))).line).toBe(2);
    const names = {
      host: (name: string) => (name === 'web-1' ? '10.0.0.1' : undefined),
      port: (name: string, protocol: string) => (name === 'www-alt' && protocol === 'tcp' ? 8080 : undefined),
    };
    await restoreIpset(kernel, text, { names, exist: true });
    expect(await saved(kernel)).toEqual(['add a 10.0.0.1,tcp:8080']);
  });

  it('is fine with what is there and with what is not there, when told so', async () => {
    const kernel = await open();
    const text = 'create a hash:ip\nadd a 10.0.0.1\ndel a 10.0.0.2\ndestroy b\n';
    await restoreIpset(kernel, text, { exist: true });
    await restoreIpset(kernel, text, { exist: true });
    expect((await faultOf(restoreIpset(kernel, text))).line).toBe(1);
    expect((await faultOf(restoreIpset(kernel, 'add a 10.0.0.1\n'))).line).toBe(1);
    expect((await faultOf(restoreIpset(kernel, '\n\ndel a 10.0.0.2\n'))).line).toBe(3);
    expect((await faultOf(restoreIpset(kernel, 'add nosuch 10.0.0.2\n'))).line).toBe(1);
  });

  it('refuses commands that only look', async () => {
    const kernel = await open();
    for (const command of ['list', 'save', 'help', 'version', 'restore'])
      expect((await faultOf(restoreIpset(kernel, `${command}\n`))).line).toBe(1);
  });

  it('can be cancelled', async () => {
    const kernel = await open();
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    const err = await rejection(restoreIpset(kernel, 'create a hash:ip\n', { signal: controller.signal }));
    expect(String(err)).toContain('enough');
    expect(await kernel.ipset.get('a')).toBeUndefined();
  });

  it('writes what it reads', async () => {
    const kernel = await open();
    await restoreIpset(
      kernel,
      `create a hash:ip\n${[...adds(3000)].join('')}create b bitmap:port range 0-99\nadd b 7\n`,
    );
    let text = '';
    let pieces = 0;
    for await (const piece of formatIpsetSave(kernel)) {
      expect(piece.endsWith('\n')).toBe(true);
      text += piece;
      pieces++;
    }
    expect(pieces).toBeGreaterThan(0);
    const before = await saved(kernel);
    expect(before.length).toBe(3001);
    await kernel.ipset.destroyAll();
    await restoreIpset(kernel, text);
    expect(await saved(kernel)).toEqual(before);
    expect(await saved(kernel, 'b')).toEqual(['add b 7']);
    expect(isNetlinkError(await rejection(saved(kernel, 'nosuch')))).toBe(true);
  });
});
