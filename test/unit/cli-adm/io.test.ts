import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { type AdmIo, runAdm } from '../../../src/index.js';
import { fakeKernel } from '../../../src/testing.js';

it('a process is what the command talks to', () => {
  const io: AdmIo = process;
  expect(io.stdout).toBe(process.stdout);
});

it('many commands share one kernel, at the same time too', async () => {
  const kernel = fakeKernel();
  const run = async (line: string, stdin = ''): Promise<string> => {
    const stdout = new PassThrough();
    const io = { stdout, stderr: stdout, stdin: Readable.from([stdin]) };
    const [code, printed] = await Promise.all([
      runAdm(line.split(' '), io, kernel).finally(() => stdout.end()),
      text(stdout),
    ]);
    return `${String(code)} ${printed}`;
  };
  const adding = Array.from({ length: 20 }, (_, i) => run(`-A -t 10.0.0.${String(i + 1)}:80 -s rr`));
  expect(await Promise.all(adding)).toEqual(Array(20).fill('0 '));
  expect((await run('-Sn')).split('\n')).toHaveLength(21);
});

it('a slow reader is waited for', async () => {
  const kernel = fakeKernel();
  await runAdm(['-A', '-t', '10.0.0.1:80'], process, kernel);
  const stdout = new PassThrough({ highWaterMark: 1 });
  let ended = false;
  const running = runAdm(['-Ln'], { stdout, stderr: stdout, stdin: Readable.from([]) }, kernel).finally(
    () => {
      ended = true;
    },
  );
  await once(stdout, 'readable');
  await new Promise((resolve) => setImmediate(resolve));
  expect(ended).toBe(false);
  stdout.resume();
  expect(await running).toBe(0);
});

it('a kernel without IPv6 is named in the words of ipvsadm', async () => {
  const kernel = fakeKernel();
  kernel.fake.ipvs.machine = { ...kernel.fake.ipvs.machine, ipv6: false };
  const stderr = new PassThrough();
  const io = { stdout: stderr, stderr, stdin: Readable.from([]) };
  // Seen with ipvsadm 1.31 on Linux 6.1 that was started with ipv6.disable=1.
  expect(await runAdm(['-A', '-t', '[2001:db8::1]:80'], io, kernel)).toBe(255);
  expect(String(stderr.read())).toBe('Operation not supported with specified address family\n');
});
