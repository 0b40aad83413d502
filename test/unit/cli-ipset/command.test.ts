import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/run.js';
import { runIpset } from '../../../src/cli/ipset/run.js';
import { fakeKernel } from '../../../src/testing.js';
import { ipset, TOOL_NAMES } from '../../support/ipset-tool.js';

describe('ipvs ipset', () => {
  const start = () => {
    const kernel = fakeKernel();
    // The command closes what it opened; here several commands share it.
    const shared = Object.assign(Object.create(kernel) as typeof kernel, { close: () => Promise.resolve() });
    const run = async (...argv: readonly string[]) => {
      let out = '';
      let err = '';
      const code = await runCli(
        argv,
        {
          out: (text) => (out += text),
          err: (text) => (err += text),
          readStdin: () => Promise.resolve('add a 10.0.0.2\n'),
        },
        { openKernel: () => Promise.resolve(shared), hostname: () => 'node-a', interfaces: () => [] },
      );
      return { code, out, err };
    };
    return { kernel, run };
  };

  it('hands all words on, options included', async () => {
    const { run } = start();
    expect(await run('ipset', '-exist', 'create', 'a', 'hash:ip', '--hashsize', '64')).toEqual({
      code: 0,
      out: '',
      err: '',
    });
    expect(await run('ipset', '--netns', 'blue', '-n', 'list')).toEqual({ code: 0, out: 'a\n', err: '' });
    expect(await run('ipset', '-!', 'restore')).toEqual({ code: 0, out: '', err: '' });
    expect(await run('ipset', 'test', 'a', '10.0.0.2')).toEqual({
      code: 0,
      out: '',
      err: 'Warning: 10.0.0.2 is in set a.\n',
    });
    expect((await run('ipset', 'test', 'a', '10.0.0.3')).code).toBe(1);
    expect((await run('ipset', 'nonsense')).code).toBe(2);
    expect((await run('ipset', 'version')).out).toBe('ipset v7.17, protocol version: 7\n');
  });

  it('explains itself and every type', async () => {
    const { run } = start();
    expect((await run('ipset', 'help')).out).toContain('hash:net,port,net');
    expect((await run('ipset', 'help', 'hash:ip,mark')).out).toContain('[markmask N]');
    expect((await run('ipset', 'help', 'setlist')).out).toContain('[before SET]');
    expect(await run('ipset', 'help', 'nosuch')).toMatchObject({ code: 2 });
  });

  it('prints JSON that JSON readers read', async () => {
    const { kernel } = start();
    await ipset(kernel.ipset, ['create', 'a', 'hash:ip,port,net']);
    await ipset(kernel.ipset, ['add', 'a', '10.0.0.1,80,10.0.0.0/8', 'nomatch']);
    await ipset(kernel.ipset, ['create', 'b', 'bitmap:port', 'range', '1-9']);
    const read = async (...argv: readonly string[]): Promise<unknown> =>
      JSON.parse((await ipset(kernel.ipset, ['list', '-o', 'json', ...argv])).stdout);
    const number: unknown = expect.any(Number);
    const header = { memsize: number, references: 0 };
    expect(await read()).toEqual([
      {
        name: 'a',
        type: 'hash:ip,port,net',
        revision: number,
        header: {
          family: 'inet',
          hashsize: 1024,
          maxelem: 65_536,
          bucketsize: number,
          initval: expect.any(String) as unknown,
          ...header,
          numentries: 1,
        },
        members: [{ elem: '10.0.0.1,tcp:80,10.0.0.0/8', nomatch: true }],
      },
      {
        name: 'b',
        type: 'bitmap:port',
        revision: number,
        header: { range: '1-9', memsize: number, references: 0, numentries: 0 },
        members: [],
      },
    ]);
    expect(await read('-n')).toEqual([{ name: 'a' }, { name: 'b' }]);
    expect(await read('-t', 'b')).toEqual([expect.objectContaining({ name: 'b' })]);
    await kernel.ipset.destroyAll();
    expect(await read()).toEqual([]);
  });

  it('names addresses on request', async () => {
    const { kernel } = start();
    await ipset(kernel.ipset, ['create', 'a', 'hash:ip,port']);
    await ipset(kernel.ipset, ['add', 'a', 'localhost,http'], '', TOOL_NAMES);
    await ipset(kernel.ipset, ['add', 'a', '127.0.0.2,http'], '', TOOL_NAMES);
    const { stdout } = await ipset(kernel.ipset, ['save', 'a', '-r'], '', TOOL_NAMES);
    expect(stdout).toContain('add a localhost,tcp:80\n');
    expect(stdout).toContain('add a 127.0.0.2,tcp:80\n');
  });

  it('waits for a reader that is slow', async () => {
    const { kernel } = start();
    await ipset(kernel.ipset, ['create', 'a', 'hash:ip', 'maxelem', '100000']);
    await (
      await kernel.ipset.get('a', 'hash:ip')
    )?.addAll(Array.from({ length: 9000 }, (_, i) => `10.0.${String(i >> 8)}.${String(i & 255)}`).slice(1));
    let written = 0;
    let waiting = 0;
    const slow = {
      write: (text: string) => {
        written += text.length;
        return false;
      },
      once: (_: string, listener: () => void) => {
        waiting++;
        setImmediate(listener);
      },
    };
    await runIpset(['save'], { stdout: slow, stderr: slow, stdin: Readable.from([]) }, kernel);
    expect(waiting).toBeGreaterThan(1);
    expect(written).toBeGreaterThan(100_000);
  });
});
