import { beforeEach, describe, expect, it } from 'vitest';
import { diffRules, noRules } from '../../../src/rules/diff.js';
import { type FakeRunner, fakeRunner } from '../../../src/rules/fake.js';
import { pickRuleSet, readSave } from '../../../src/rules/iptables/reader.js';
import { restoreText } from '../../../src/rules/iptables/writer.js';
import { classicRules } from '../../../src/rules/kube/classic.js';
import { currentRules } from '../../../src/rules/kube/current.js';
import { KUBE_CHAINS } from '../../../src/rules/kube/names.js';
import { createRules, iptablesVersion } from '../../../src/rules/rules.js';
import type { RunnerResult } from '../../../src/rules/runner.js';
import type { Rules, RuleSet } from '../../../src/rules/types.js';
import { rejection } from '../../support/rejection.js';
import { CLASSIC_CASES, CURRENT_CASES, golden } from './cases.js';

const wanted: RuleSet = classicRules(CLASSIC_CASES[2]!.input);

describe('rules through the tools', () => {
  let runner: FakeRunner;
  let rules: Rules;
  beforeEach(() => {
    runner = fakeRunner();
    rules = createRules(runner);
  });

  it('are applied by one call that waits for the lock and flushes nothing', async () => {
    await rules.apply(diffRules(wanted, noRules('inet')));
    expect(runner.calls.map((call) => call.argv)).toEqual([['iptables-restore', '--noflush', '-w']]);
    expect(runner.dump()).toBe(`# iptables\n${golden(CLASSIC_CASES[2]!.name)}`);
  });

  it('of both tables are checked before the first is changed, and the refusal says what was', async () => {
    const both = diffRules(currentRules(CURRENT_CASES[0]!.input), noRules('inet'));
    await rules.apply(both);
    expect(runner.calls.map(({ argv }) => argv.at(-1))).toEqual(['--test', '-w']);
    expect(runner.calls[0]?.stdin).toBe(runner.calls[1]?.stdin);

    const text = restoreText(both).split('\n');
    const line = text.indexOf('*filter') + 3;
    const refuse =
      (when: (testing: boolean) => boolean, at: string) =>
      (argv: readonly string[]): RunnerResult | undefined =>
        when(argv.includes('--test')) ? { exitCode: 1, stdout: '', stderr: at } : undefined;
    runner.fault = refuse((testing) => testing, `iptables-restore: line ${line} failed\n`);
    expect(await rejection(rules.apply(both))).toMatchObject({
      line,
      lineText: text[line - 1],
      committed: [],
    });
    runner.fault = refuse((testing) => !testing, `iptables-restore: line ${line} failed\n`);
    const late = await rejection(rules.apply(both));
    expect(late).toMatchObject({ committed: ['nat'] });
    expect(String(late)).toContain('changed before that and kept: nat');
    runner.fault = refuse((testing) => !testing, 'killed\n');
    expect(await rejection(rules.apply(both))).toMatchObject({ committed: undefined });
    // Of one table there is nothing in between.
    expect(await rejection(rules.apply(diffRules(wanted, noRules('inet'))))).toMatchObject({ committed: [] });
  });

  it('start no program when there is nothing to do', async () => {
    const nothing = diffRules(noRules('inet'), noRules('inet'));
    await rules.apply(nothing);
    await rules.check(nothing);
    expect(runner.calls).toEqual([]);
  });

  it('are checked with --test, which changes nothing', async () => {
    await rules.check(diffRules(wanted, noRules('inet')));
    expect(runner.calls[0]?.argv).toEqual(['iptables-restore', '--noflush', '-w', '--test']);
    expect(runner.dump()).toBe('');
  });

  it('of IPv6 go through ip6tables, those of a named back end through its tools', async () => {
    await rules.save('inet6');
    const legacy = createRules(runner, { backend: 'legacy' });
    await legacy.save('inet');
    await legacy.apply(diffRules(wanted, noRules('inet')));
    expect(runner.calls.map((call) => call.argv[0])).toEqual([
      'ip6tables-save',
      'iptables-legacy-save',
      'iptables-legacy-restore',
    ]);
  });

  it('fail with the line, its text and what to do', async () => {
    const strict = fakeRunner({ hasSet: (name) => name !== 'KUBE-LOAD-BALANCER-FW' });
    const err = await rejection(createRules(strict).apply(diffRules(wanted, noRules('inet'))));
    expect(err).toMatchObject({
      code: 'ERR_COMMAND_FAILED',
      exitCode: 2,
      lineText: '-A KUBE-LOAD-BALANCER -m set --match-set KUBE-LOAD-BALANCER-FW dst,dst -j KUBE-FIREWALL',
      hint: 'create the set KUBE-LOAD-BALANCER-FW before the rules that name it',
    });
    expect(strict.dump()).toBe('');
  });

  it('pass injected failures on', async () => {
    runner.fault = () => ({
      exitCode: 4,
      stdout: '',
      stderr: 'Another app is currently holding the xtables lock.',
    });
    for (const err of await Promise.all(
      [rules.save('inet'), rules.read('inet', KUBE_CHAINS), iptablesVersion(runner, 'inet')].map(rejection),
    ))
      expect(err).toMatchObject({ code: 'ERR_COMMAND_FAILED', exitCode: 4 });
    const thrown = new Error('no such tool');
    runner.fault = () => thrown;
    expect(await rejection(rules.save('inet'))).toBe(thrown);
  });

  it('say that the match ipvs is missing, in the words of the tool', async () => {
    const warning = 'Warning: Extension ipvs revision 0 not supported, missing kernel module?';
    runner.fault = (argv) =>
      argv.includes('--test') ? { exitCode: 0, stdout: '', stderr: `${warning}\n` } : undefined;
    expect(await rules.features('inet6')).toEqual({
      version: '1.8.9',
      backend: 'nft',
      ipvsMatch: { available: false, reason: warning.replace('Warning: ', '') },
    });
    // Loaded in earnest, the rule would make the kernel refuse its table.
    expect(await rejection(rules.check(diffRules(wanted, noRules('inet'))))).toMatchObject({
      hint: 'the kernel module is missing: modprobe xt_ipvs',
      committed: [],
    });
    runner.fault = undefined;
    expect((await rules.features('inet6')).ipvsMatch).toEqual({ available: true });
    expect(runner.dump()).toBe('');
  });

  it('honour a signal', async () => {
    const signal = AbortSignal.abort(new Error('stop'));
    expect(await rejection(rules.save('inet', { signal }))).toBe(signal.reason);
    expect(await rejection(rules.apply(diffRules(wanted, noRules('inet')), { signal }))).toBe(signal.reason);
    expect(runner.calls).toEqual([]);
  });

  it.each([
    ['iptables v1.8.9 (nf_tables)\n', { version: '1.8.9', backend: 'nft' }],
    ['iptables v1.8.7 (legacy)\n', { version: '1.8.7', backend: 'legacy' }],
    ['iptables v1.6.1\n', { version: '1.6.1', backend: 'legacy' }],
  ])('know the tool from %j', async (stdout, expected) => {
    runner.fault = () => ({ exitCode: 0, stdout, stderr: '' });
    expect(await iptablesVersion(runner, 'inet')).toEqual(expected);
  });

  it('cannot be read from a table that nft has taken over', async () => {
    runner.fault = () => ({
      exitCode: 0,
      stdout: "# Table `nat' contains incompatible base-chains, use 'nft' tool to list them.\n",
      stderr: '',
    });
    expect(await rejection(rules.read('inet', KUBE_CHAINS))).toMatchObject({ code: 'ERR_COMMAND_FAILED' });
    expect(await rules.read('inet', [{ table: 'filter', name: 'X' }])).toEqual(noRules('inet'));
  });
});

describe('reading iptables-save', () => {
  it('finds our chains and the jumps into them, and leaves the rest alone', () => {
    const text = [
      '# Generated by iptables-save v1.8.9 on Sun Nov 22 19:18:43 2026',
      '*mangle',
      ':PREROUTING ACCEPT [0:0]',
      '-A PREROUTING -j OURS',
      'COMMIT',
      '*nat',
      ':PREROUTING ACCEPT [12:345]',
      ':OTHERS - [0:0]',
      ':OURS - [0:0]',
      '[3:4] -A PREROUTING -j OURS',
      '-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080',
      '-A OTHERS -j OURS',
      '-A OURS -j RETURN',
      'COMMIT',
      '# Completed on Sun Nov 22 19:18:43 2026',
      '',
    ].join('\n');
    expect(pickRuleSet(readSave(text, 'inet'), 'inet', [{ table: 'nat', name: 'OURS' }])).toEqual({
      family: 'inet',
      chains: [{ table: 'nat', name: 'OURS', rules: [{ matches: [], target: { target: 'return' } }] }],
      jumps: [
        {
          table: 'nat',
          from: 'PREROUTING',
          rule: { matches: [], target: { target: 'jump', chain: 'OURS' } },
        },
      ],
    });
  });
});

describe('fake iptables', () => {
  const restore = (text: string, runner: FakeRunner = fakeRunner()): ReturnType<FakeRunner['run']> =>
    runner.run(['iptables-restore', '--noflush', '-w'], { stdin: text });

  it.each([
    ['*nat\nfoo\nCOMMIT\n', 2, "Bad argument `foo'\nError occurred at line: 2\n"],
    [
      '*nat\n-A OUTPUT --bogus -j ACCEPT\nCOMMIT\n',
      2,
      'unknown option "--bogus"\nError occurred at line: 2\n',
    ],
    [
      '*nat\n-A OUTPUT -j NOWHERE\nCOMMIT\n',
      2,
      "Chain 'NOWHERE' does not exist\nError occurred at line: 3\n",
    ],
    ['*nat\n-A NOCHAIN -j ACCEPT\nCOMMIT\n', 1, 'line 2 failed: No chain/target/match by that name.'],
    ['*nat\n-X NOCHAIN\nCOMMIT\n', 1, 'line 2 failed: No chain/target/match by that name.'],
    [
      '*nat\n-D OUTPUT -j ACCEPT\nCOMMIT\n',
      1,
      'line 2 failed: Bad rule (does a matching rule exist in that chain?).',
    ],
    [
      '*nat\n:A - [0:0]\n-A OUTPUT -j A\n-X A\nCOMMIT\n',
      4,
      'line 4: CHAIN_DEL failed (Device or resource busy): chain A',
    ],
    ['*nat\n-A OUTPUT -j ACCEPT\n', 1, 'COMMIT expected at line 3'],
    ['*bogus\nCOMMIT\n', 2, "table name 'bogus' invalid"],
    ['*nat\n:A - [0:0]\n-A A -j DROP\nCOMMIT\n', 2, 'the use of DROP is therefore inhibited'],
    ['*filter\n-A INPUT -j MASQUERADE\nCOMMIT\n', 4, 'line 2: RULE_APPEND failed (Invalid argument)'],
    ['*nat\n:A-CHAIN-NAME-THAT-IS-TOO-LONG-X - [0:0]\nCOMMIT\n', 2, 'too long (must be under 29 chars)'],
  ])('refuses %j as the tool does', async (text, exitCode, stderr) => {
    const result = await restore(text);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toContain(stderr);
  });

  it('keeps tables that were committed before a refusal', async () => {
    const runner = fakeRunner();
    await restore('*nat\n:A - [0:0]\nCOMMIT\n*filter\n:B - [0:0]\n-A NOWHERE -j B\nCOMMIT\n', runner);
    expect(runner.dump()).toContain(':A - [0:0]');
    expect(runner.dump()).not.toContain('*filter');
  });

  it('knows which sets rules name', async () => {
    const runner = fakeRunner();
    await restore('*nat\n-A OUTPUT -m set --match-set X src -j ACCEPT\nCOMMIT\n', runner);
    expect([runner.usesSet('X'), runner.usesSet('Y')]).toEqual([true, false]);
  });
});
