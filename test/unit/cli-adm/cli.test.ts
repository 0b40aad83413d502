import { expect, it } from 'vitest';
import { runCli } from '../../../src/cli/run.js';
import { fakeKernel } from '../../../src/testing.js';
import type { KernelOptions } from '../../../src/kernel/types.js';

async function cli(argv: readonly string[], stdin = '') {
  const kernel = fakeKernel();
  await kernel.ipvs.ensure({ url: 'tcp://10.0.0.1:80', realServers: ['10.1.0.1:80'] });
  const texts = { out: '', err: '' };
  const opened: KernelOptions[] = [];
  const code = await runCli(
    argv,
    {
      out: (text) => void (texts.out += text),
      err: (text) => void (texts.err += text),
      readStdin: () => Promise.resolve(stdin),
    },
    {
      openKernel: (options) => {
        opened.push(options);
        return Promise.resolve(kernel);
      },
      hostname: () => 'node',
      interfaces: () => [],
    },
  );
  return { ...texts, code, opened, saved: kernel.fake.ipvs.save() };
}

it('ipvs adm hands every word on, in order', async () => {
  expect(await cli(['adm', '-Sn'])).toMatchObject({
    out: '-A -t 10.0.0.1:80 -s wlc\n-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1\n',
    code: 0,
  });
  const added = await cli(['adm', '-a', '--tcp-service=10.0.0.1:80', '-r', '10.1.0.2', '-gw5']);
  expect(added).toMatchObject({ err: '', code: 0 });
  expect(added.saved).toContain('-r 10.1.0.2:80 -g -w 5');
});

it('ipvs adm ends with the exit code of ipvsadm', async () => {
  expect(await cli(['adm', '-D', '-t', '10.0.0.2:80'])).toMatchObject({
    err: 'No such service\n',
    code: 255,
  });
  expect(await cli(['adm', '-L', '--stats', 'extra'])).toMatchObject({
    err: 'unexpected argument extra\n',
    code: 2,
  });
});

it('ipvs adm leaves -h and -v to the words of ipvsadm', async () => {
  expect((await cli(['adm', '-h'])).out).toMatch(/^ipvsadm v1\.31 .*--add-service/s);
  expect((await cli(['adm', '--version'])).out).toMatch(/^ipvsadm v1\.31 /);
});

it('ipvs adm without words lists the table', async () => {
  expect((await cli(['adm'])).out).toMatch(
    /^IP Virtual Server version 1\.2\.1 \(size=4096\)\n.*TCP {2}10\.0\.0\.1/s,
  );
});

it('ipvs adm takes a network namespace before the words, and restores from standard input', async () => {
  const restored = await cli(['adm', '--netns', 'blue', '-R'], '-C\n-A -u 10.0.0.9:53\n');
  expect(restored).toMatchObject({
    code: 0,
    opened: [{ netns: 'blue' }],
    saved: '-A -u 10.0.0.9:53 -s wlc\n',
  });
});

it('ipvs --help names adm', async () => {
  expect((await cli(['--help'])).out).toContain("ipvsadm's own command line");
});
