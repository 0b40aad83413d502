import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/run.js';
import { runRepl } from '../../../src/repl/session.js';
import { fakeKernel } from '../../../src/testing.js';

/** What a session prints for these lines, all of them there at once. */
async function session(lines: readonly string[], kernel = fakeKernel()): Promise<string> {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const output = text(stdout);
  stdin.end(lines.map((line) => `${line}\n`).join(''));
  await runRepl(kernel, { stdin, stdout }, { names: { answer: 42 } });
  stdout.end();
  return output;
}

describe('a session of the REPL', () => {
  it('has the kernel and its subsystems by name', async () => {
    const printed = await session([
      'kernel.ipvs === ipvs && kernel.ipset === ipset',
      'answer',
      'nft.apply.length',
    ]);
    expect(printed.split('\n').slice(0, 2)).toEqual(['true', '42']);
    expect(printed).not.toContain('Uncaught');
  });

  it('waits for what a line promises and runs lines one after the other', async () => {
    const kernel = fakeKernel();
    const printed = await session(
      [
        "const web = await ipvs.add('tcp://10.0.0.1:80', { scheduler: 'wrr' })",
        "web.add({ address: '10.0.0.2', weight: 7 })",
        'ipvs.list()',
      ],
      kernel,
    );
    expect(printed).toMatch(/VirtualServer tcp:\/\/10\.0\.0\.1:80 wrr\n\s+-> 10\.0\.0\.2:80 masq weight 7/);
    expect(printed).not.toContain('Promise');
    expect(kernel.dump()).toContain('-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 7');
  });

  it('shows a refusal with its hint and goes on', async () => {
    const printed = await session(["ipvs.add('tcp://10.0.0.1:80', { scheduler: 'bogus' })", '1 + 1']);
    expect(printed).toContain('the kernel has no scheduler bogus [ENOENT]');
    expect(printed).toContain('modprobe ip_vs_bogus');
    expect(printed.trimEnd().split('\n').at(-1)).toBe('2');
  });

  it('shows the error of a line that does not parse and goes on', async () => {
    const printed = await session(['const 1 = 2', "'after'"]);
    expect(printed).toContain('SyntaxError');
    expect(printed).toContain("'after'");
  });

  it('takes a statement of several lines', async () => {
    expect(
      await session(['for (const n of [1, 2]) {', '  ipset.create(`s${n}`, "hash:ip")', '}', 'ipset.list()']),
    ).toContain('s2');
  });
});

describe('ipvs repl', () => {
  const run = async (argv: readonly string[], lines: string) => {
    const stdin = new PassThrough();
    const stdout = new PassThrough();
    const printed = text(stdout);
    stdin.end(lines);
    let err = '';
    let closed = 0;
    const kernel = fakeKernel();
    const code = await runCli(
      ['repl', ...argv],
      {
        out: () => undefined,
        err: (part) => (err += part),
        readStdin: () => Promise.resolve(''),
        session: { stdin, stdout },
      },
      {
        openKernel: ({ netns }) => {
          if (netns === 'nowhere') return Promise.reject(new Error('no such namespace'));
          const close = () => {
            closed += 1;
            return kernel.close();
          };
          return Promise.resolve(Object.assign(Object.create(kernel) as typeof kernel, { close }));
        },
        hostname: () => 'node-a',
        interfaces: () => [],
      },
    );
    stdout.end();
    return { code, err, out: await printed, closed, dump: kernel.dump() };
  };

  it('opens the kernel, and closes it when the input ends', async () => {
    expect(await run([], "ipset.create('web', 'hash:ip')\n")).toMatchObject({
      code: 0,
      err: '',
      closed: 1,
      dump: expect.stringContaining('create web hash:ip') as string,
    });
  });

  it('with --fake has a kernel in memory and opens none', async () => {
    const { code, out, closed, dump } = await run(
      ['--fake'],
      "ipset.create('web', 'hash:ip')\nkernel.dump()\ntypeof parseSave\n",
    );
    expect({ code, closed }).toEqual({ code: 0, closed: 0 });
    expect(out).toContain('create web hash:ip');
    expect(out).toContain("'function'");
    expect(dump).not.toContain('web');
  });

  it('says why the kernel cannot be opened', async () => {
    expect(await run(['--netns', 'nowhere'], '')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no such namespace') as string,
    });
  });
});
