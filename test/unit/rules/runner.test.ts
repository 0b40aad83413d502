import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandError } from '../../../src/errors.js';
import { commandError, createRunner } from '../../../src/rules/runner.js';
import { rejection } from '../../support/rejection.js';

describe('runner', () => {
  const runner = createRunner();

  it('hands arguments and input over without a shell', async () => {
    const script = 'process.stdin.pipe(process.stdout); process.stderr.write(process.argv[1])';
    const argument = '$(id) "; rm `x`\n*';
    const result = await runner.run([process.execPath, '-e', script, argument], { stdin: 'a\nb' });
    expect(result).toEqual({ exitCode: 0, stdout: 'a\nb', stderr: argument });
  });

  it('answers with the exit code of a program that refuses', async () => {
    expect(await runner.run([process.execPath, '-e', 'process.exit(3)'])).toMatchObject({ exitCode: 3 });
  });

  it('does not stumble over a program that leaves its input unread', async () => {
    const result = await runner.run([process.execPath, '-e', ''], { stdin: 'x'.repeat(1 << 20) });
    expect(result.exitCode).toBe(0);
  });

  it('carries large input and output while the event loop turns', async () => {
    const stdin = 'line of text\n'.repeat(200_000);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const result = await runner.run([process.execPath, '-e', 'process.stdin.pipe(process.stdout)'], {
      stdin,
    });
    clearInterval(timer);
    expect(result.stdout).toBe(stdin);
    expect(turns).toBeGreaterThan(0);
  });

  it('says what is missing and how to get it', async () => {
    expect(await rejection(runner.run(['ip6tables-of-nowhere', '-w']))).toMatchObject({
      code: 'ERR_COMMAND_MISSING',
      hint: 'apt install iptables',
      argv: ['ip6tables-of-nowhere', '-w'],
    });
  });

  it('ends the program and rejects with the reason of the signal', async () => {
    const controller = new AbortController();
    const running = runner.run([process.execPath, '-e', 'setInterval(() => {}, 1000)'], {
      signal: controller.signal,
    });
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await rejection(running)).toBe(reason);
    expect(await rejection(runner.run(['true'], { signal: controller.signal }))).toBe(reason);
  });

  it('reports a program that died of a signal', async () => {
    const err = await rejection(runner.run([process.execPath, '-e', 'process.kill(process.pid, "SIGKILL")']));
    expect(err).toBeInstanceOf(CommandError);
    expect(err).toMatchObject({ code: 'ERR_COMMAND_FAILED', stderr: 'ended by SIGKILL' });
  });

  describe('in a namespace', () => {
    let folder: string;
    beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'runner-'))));
    afterEach(() => rmSync(folder, { recursive: true }));

    it('starts nsenter with the path as one argument', async () => {
      const path = process.env['PATH'];
      writeFileSync(join(folder, 'nsenter'), '#!/bin/sh\nprintf "%s|" "$@"\n', { mode: 0o755 });
      process.env['PATH'] = `${folder}:${path ?? ''}`;
      try {
        const inside = createRunner({ netnsPath: '/run/netns/a b;c' });
        expect((await inside.run(['iptables-save', '-t', 'nat'])).stdout).toBe(
          '--net=/run/netns/a b;c|--|iptables-save|-t|nat|',
        );
      } finally {
        process.env['PATH'] = path;
      }
    });
  });
});

describe('refusals of iptables-restore', () => {
  const stdin = '*nat\n:A - [0:0]\n-A A -j NOWHERE\nCOMMIT\n';
  const argv = ['iptables-restore'];

  it.each([
    ['iptables-restore: line 3 failed\n', 3, '-A A -j NOWHERE'],
    [
      'iptables-restore v1.8.9 (nf_tables): \nline 2: CHAIN_DEL failed (Device or resource busy): chain A\n',
      2,
      ':A - [0:0]',
    ],
    [
      "iptables-restore v1.8.9 (nf_tables): Set X doesn't exist.\n\nError occurred at line: 3\n",
      3,
      '-A A -j NOWHERE',
    ],
    ['iptables-restore: COMMIT expected at line 9\n', undefined, undefined],
    ['Another app is currently holding the xtables lock.\n', undefined, undefined],
  ])('name the line: %j', (stderr, line, lineText) => {
    const err = commandError(argv, { exitCode: 1, stdout: '', stderr }, stdin);
    expect([err.line, err.lineText, err.exitCode]).toEqual([line, lineText, 1]);
  });

  it('say which set or module is missing', () => {
    const hint = (stderr: string): string | undefined =>
      commandError(argv, { exitCode: 2, stdout: '', stderr }).hint;
    expect(hint("Set KUBE-X doesn't exist.")).toContain('KUBE-X');
    expect(hint('Warning: Extension ipvs revision 0 not supported, missing kernel module?')).toContain(
      'xt_ipvs',
    );
    for (const stderr of [
      'Permission denied (you must be root)',
      'Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed: Operation not permitted\n',
      '/dev/stdin:1:1-15: Error: Could not process rule: Operation not permitted\nadd table ip x\n^^^\n',
    ])
      expect(hint(stderr)).toContain('CAP_NET_ADMIN');
    expect(hint('/dev/stdin:1:18-21: Error: syntax error, unexpected string\n')).toContain('nft --version');
    expect(hint('Error: JSON support not compiled-in\n')).toContain('built with JSON');
    expect(hint('netlink: Error: cache initialization failed: Invalid argument\n')).toContain('nf_tables');
  });

  it('name the one element that nft refuses out of a long line, and stay short', () => {
    const elements = Array.from({ length: 1000 }, (_, i) => `10.96.${i >> 8}.${i & 255} . tcp . 80`);
    const long = `delete element ip kube-ipvs S { ${elements.join(', ')} }`;
    const refused = '10.96.3.7 . tcp . 80';
    const from = long.indexOf(refused);
    const place = `/dev/stdin:2:${from + 1}-${from + refused.length}`;
    const marks = `${' '.repeat(from)}${'^'.repeat(refused.length)}`;
    const stderr = `${place}: Error: Could not process rule: No such file or directory\n${long}\n${marks}\n`;
    const err = commandError(
      ['nft', '-f', '-'],
      { exitCode: 1, stdout: '', stderr },
      `add table ip kube-ipvs\n${long}\n`,
    );
    expect(err).toMatchObject({ line: 2, lineText: long, refused, stderr });
    expect(err.message).toBe(
      `nft -f - failed with exit code 1 at input line 2: ${long.slice(0, 300)}… (refused: ${refused})\n  ${place}: Error: Could not process rule: No such file or directory`,
    );
  });
});
