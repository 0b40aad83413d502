import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { openKernel } from '../../src/kernel/open.js';
import type { Kernel } from '../../src/kernel/types.js';
import { adm } from '../support/adm.js';
import { type Compared, readTable, switchesIn, tabulate } from '../support/adm-table.js';
import { commandLine } from '../support/adm-lines.js';
import { startAgent } from '../support/agent.js';
import { describeKernel } from '../support/backends.js';
import { runIpvsadm, type ToolStep } from '../support/ipvsadm.js';
import { makeNetns, type TestNetns } from '../support/netns.js';
import { formatStep, parseTranscript, type Step } from '../support/transcript.js';

const goldens = new URL('../golden/', import.meta.url);
/** Refused before the kernel is asked, hundreds of them: the unit tests compare these with what the tool once said. */
const SYNTAX_ONLY = ['combinations.txt', 'check-order.txt'];
/** Its addresses go round in circles: what the tool makes of them depends on the order of the kernel, which each namespace has its own of. */
const CIRCULAR = 'order.txt';
const FILES = readdirSync(new URL('ipvsadm', goldens)).filter(
  (name) => !SYNTAX_ONLY.includes(name) && name !== CIRCULAR,
);

const transcript = (path: string): readonly Step[] =>
  parseTranscript(readFileSync(new URL(path, goldens), 'utf8'));

/** Every way to look at a table. */
const VIEWS = [
  '-Ln',
  '-L',
  '-ln --nosort',
  '-L -n --stats',
  '-Ln --rate',
  '-Ln --stats --exact',
  '-Ln --thresholds',
  '-Ln --persistent-conn',
  '-Ln --tun-info',
  '-L --nosort --stats',
  '-L --timeout',
  '-L --daemon',
  '-Lc',
  '-Sn',
  '-S',
  '',
];

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Place {
  readonly netns: TestNetns;
  readonly kernel: Kernel;
}

/** A namespace that both tools see: the real one through a process, ours through netlink. */
async function open(): Promise<Place> {
  const netns = await makeNetns('adm');
  cleanups.push(() => netns.remove());
  const kernel = await openKernel({ netns: netns.path });
  cleanups.push(() => kernel.close());
  return { netns, kernel };
}

const words = (line: string): readonly string[] => line.split(' ').filter((word) => word !== '');

/** What both tools said, as it stands in a transcript, each in a namespace of its own. */
interface Heard {
  readonly theirs: readonly string[];
  readonly ours: readonly string[];
}

async function runBoth(steps: readonly Step[], theirs: Place, ours: Place): Promise<Heard> {
  const toolSteps = steps.flatMap((step): ToolStep[] =>
    step.kind === 'comment' ? [] : [step.kind === 'shell' ? { shell: step.text } : step],
  );
  const running = runIpvsadm(theirs.netns.path, toolSteps);
  const commands = steps.filter((step) => step.kind === 'command');
  const said: string[] = [];
  for (const step of steps) {
    if (step.kind === 'shell') await ours.netns.run(['sh', '-c', step.text]);
    if (step.kind !== 'command') continue;
    said.push(formatStep({ ...step, outcome: await adm(ours.kernel.ipvs, step.argv, step.stdin) }));
  }
  const outcomes = await running;
  expect(outcomes).toHaveLength(commands.length);
  return {
    theirs: commands.map((step, i) => formatStep({ ...step, outcome: outcomes[i] ?? step.outcome })),
    ours: said,
  };
}

/** What both print of one and the same table, view by view. */
async function compareViews(
  { netns, kernel }: Place,
  views: readonly string[],
  normal: (text: string) => string = (text) => text,
): Promise<void> {
  const theirs = await runIpvsadm(
    netns.path,
    views.map((view) => ({ argv: words(view) })),
  );
  for (const [i, view] of views.entries()) {
    const shown = ({ stdout, stderr, code }: { stdout: string; stderr: string; code: number }): string =>
      `ipvsadm ${view}\n${normal(stdout)}${stderr}${String(code)}`;
    const real = theirs[i];
    expect(real).toBeDefined();
    if (real !== undefined) expect(shown(await adm(kernel.ipvs, words(view)))).toBe(shown(real));
  }
}

/** Run what transcripts add to a table. */
async function program({ kernel }: Place, files: readonly string[]): Promise<void> {
  for (const file of files) {
    for (const step of transcript(`ipvsadm/${file}`)) {
      if (step.kind !== 'command' || !/^-[Aa]$/.test(step.argv[0] ?? '')) continue;
      await adm(kernel.ipvs, step.argv);
    }
  }
}

async function expectSameTable(theirs: Place, ours: Place): Promise<void> {
  const save = [{ argv: ['-Sn'] }, { argv: ['-L', '--timeout'] }, { argv: ['-L', '--daemon'] }];
  expect(await runIpvsadm(ours.netns.path, save)).toEqual(await runIpvsadm(theirs.netns.path, save));
}

describeKernel(['ipvs', 'dummy'], 'ipvs adm beside ipvsadm', () => {
  const compared: Compared[] = [];
  const compare = (steps: readonly Step[], heard: Heard): void => {
    const commands = steps.filter((step) => step.kind === 'command');
    for (const [i, step] of commands.entries()) {
      compared.push({ step, same: heard.ours[i] === heard.theirs[i] });
    }
  };

  for (const file of FILES) {
    it(`says the same, ends the same and leaves the same table: ${file.replace('.txt', '')}`, async () => {
      const [theirs, ours] = await Promise.all([open(), open()]);
      const steps = transcript(`ipvsadm/${file}`);
      const heard = await runBoth(steps, theirs, ours);
      compare(steps, heard);
      expect(heard.ours).toEqual(heard.theirs);
      await expectSameTable(theirs, ours);
    });
  }

  it('differs where it says so, and nowhere else', async () => {
    const [theirs, ours] = await Promise.all([open(), open()]);
    const steps = transcript('ipvsadm-differs/ipvsadm.txt');
    const heard = await runBoth(steps, theirs, ours);
    compare(steps, heard);
    const expected = (name: string): readonly string[] =>
      transcript(`ipvsadm-differs/${name}.txt`)
        .filter(({ kind }) => kind === 'command')
        .map(formatStep);
    expect(heard).toEqual({ theirs: expected('ipvsadm'), ours: expected('adm') });
  });

  it('knows every switch that ipvsadm knows, and the documentation says of each what was seen', async () => {
    const place = await open();
    const [help] = await runIpvsadm(place.netns.path, [{ argv: ['--help'] }]);
    const ours = await adm(place.kernel.ipvs, ['--help']);
    // The tool's own text forgets --version.
    expect(switchesIn(ours.stdout)).toEqual([...switchesIn(help?.stdout ?? ''), 'version'].sort());
    const table = readTable(readFileSync(new URL('../../docs/ipvsadm-compat.md', import.meta.url), 'utf8'));
    const seen = tabulate(compared);
    expect(seen.filter(({ lines }) => lines === 0)).toEqual([]);
    expect(table).toEqual(seen);
  });

  it('shows one table in every way as ipvsadm does', async () => {
    const place = await open();
    await program(place, ['listing.txt', 'scheduler-flags.txt']);
    expect((await place.kernel.ipvs.list()).length).toBeGreaterThan(10);
    await compareViews(place, VIEWS);
  });

  it('does the same for command lines that nobody thought of', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(commandLine, { minLength: 40, maxLength: 40 }), async (lines) => {
        const [theirs, ours] = await Promise.all([open(), open()]);
        const link = 'ip link add eth0 type dummy && ip link set eth0 multicast on up';
        const steps = lines.map((argv): Step => ({
          kind: 'command',
          text: argv.join(' '),
          argv,
          stdin: '',
          outcome: { stdout: '', stderr: '', code: 0 },
        }));
        const heard = await runBoth([{ kind: 'shell', text: link }, ...steps], theirs, ours);
        expect(heard.ours).toEqual(heard.theirs);
        await expectSameTable(theirs, ours);
      }),
      { numRuns: 4, endOnFailure: true },
    );
  });

  it('sorts as ipvsadm does where its comparison of addresses wraps', async () => {
    // What comes of it depends on where the kernel happens to keep the servers, so one table is not enough.
    for (let round = 0; round < 3; round++) {
      const place = await open();
      await program(place, [CIRCULAR]);
      for (const address of ['172.16.0.1', '127.0.0.1', '224.0.0.1', '0.0.0.0']) {
        const virtual = await place.kernel.ipvs.add(`tcp://${address}:80`);
        for (const real of ['192.168.1.1', '10.1.0.1', '127.0.0.1', '172.16.0.9'])
          await virtual.add(`${real}:80`);
      }
      for (const mark of [1, 2 ** 31, 2 ** 32 - 1]) await place.kernel.ipvs.add(`fwmark://${String(mark)}`);
      await compareViews(place, ['-Ln', '-Ln --nosort', '-L --stats']);
    }
  });

  it('lists connections and counters of real traffic', async () => {
    const both = await open();
    const { netns, kernel } = both;
    const addresses = ['10.0.0.1/32', '10.0.0.2/32', '2001:db8::1/128 nodad', '2001:db8::2/128 nodad'];
    const assign = addresses.map((address) => `addr add dev lo ${address}\n`).join('');
    await netns.run(['ip', '-batch', '-'], { stdin: assign });
    const setUp = [
      '-A -t 10.0.0.1:80 -s rr -p 60',
      '-a -t 10.0.0.1:80 -r 10.0.0.2:8080 -m',
      '-A -t [2001:db8::1]:80 -s rr',
      '-a -t [2001:db8::1]:80 -r [2001:db8::2]:8080 -m',
    ];
    expect(await adm(kernel.ipvs, ['-R'], setUp.join('\n'))).toEqual({ stdout: '', stderr: '', code: 0 });
    const agent = await startAgent(netns.path, 'backend');
    try {
      await agent.serveHttp(8080);
      for (const url of ['http://10.0.0.1:80/', 'http://[2001:db8::1]:80/']) {
        const answers = await agent.request(url, { count: 3 });
        expect(answers.map(({ pod }) => pod)).toEqual(['backend', 'backend', 'backend']);
      }
    } finally {
      await agent.stop();
    }
    const clock = (text: string): string => text.replace(/\b\d\d:\d\d /g, 'MM:SS ');
    await compareViews(both, ['-Lcn', '-Lc', '-Lcn --persistent-conn'], clock);
    // The kernel adds its counters up every two seconds: those of both are taken when nothing moves any more.
    await expect
      .poll(async () => (await kernel.ipvs.get('tcp://10.0.0.1:80'))?.stats.connections, { timeout: 30_000 })
      .toBe(3);
    await compareViews(both, ['-Ln', '-Ln --stats', '-Ln --stats --exact', '-Ln --persistent-conn']);
    const listed = await adm(kernel.ipvs, ['-Lcn']);
    // Three connections of each family, and the template of the persistent server.
    expect(listed.stdout.trim().split('\n')).toHaveLength(2 + 3 + 3 + 1);
    await adm(kernel.ipvs, ['-Z', '-t', '10.0.0.1:80']);
    await compareViews(both, ['-Ln --stats', '-Ln -t 10.0.0.1:80 --stats']);
    expect((await adm(kernel.ipvs, ['-Ln', '-t', '10.0.0.1:80', '--stats'])).stdout).toMatch(/( {8}0){5}/);
  });
});
