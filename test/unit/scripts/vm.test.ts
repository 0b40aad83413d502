import { describe, expect, it } from 'vitest';
import { cpio } from '../../../scripts/lib/vm/cpio.js';
import { type Options, UsageError, parseOptions } from '../../../scripts/lib/vm/options.js';

function parsed(...argv: string[]): Options {
  const options = parseOptions(argv, '/project', 8);
  if (options === 'help') throw new Error('help was not asked for');
  return options;
}

describe('the command line of scripts/vm', () => {
  it('runs a shell without a time limit by default', () => {
    expect(parsed()).toMatchObject({ command: [], tty: true, timeoutSeconds: 0, kernel: 'default', cpus: 4 });
  });

  it('leaves options after the command to the command', () => {
    expect(parsed('--cpus', '1', '--append', 'ipv6.disable=1', 'ls', '--kernel', '-l')).toMatchObject({
      append: 'ipv6.disable=1',
      command: ['ls', '--kernel', '-l'],
      cpus: 1,
      kernel: 'default',
      timeoutSeconds: 900,
      tty: false,
    });
    expect(parsed('--', '--odd').command).toEqual(['--odd']);
  });

  it('shares nothing read-write unless asked to', () => {
    expect(parsed('true')).toMatchObject({ writable: [], out: undefined });
    expect(parsed('--write', '--out', '/results', 'true')).toMatchObject({
      writable: ['/project'],
      out: '/results',
    });
  });

  it.each([['--bogus'], ['--timeout'], ['--timeout', 'soon'], ['--memory', '1'], ['--cpus', '0']])(
    'refuses %s %s',
    (...argv) => {
      expect(() => parsed(...argv)).toThrow(UsageError);
    },
  );
});

/** Reads back what the kernel reads: path, mode and content of every member. */
function members(archive: Buffer): [string, number, string][] {
  const found: [string, number, string][] = [];
  for (let at = 0; ;) {
    const field = (index: number) =>
      parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const nameEnd = at + 110 + field(11);
    const path = archive.toString('utf8', at + 110, nameEnd - 1);
    if (path === 'TRAILER!!!') return found;
    const data = (nameEnd + 3) & ~3;
    found.push([path, field(1), archive.toString('utf8', data, data + field(6))]);
    at = (data + field(6) + 3) & ~3;
  }
}

describe('the initramfs writer', () => {
  it('writes folders and files, each part on a multiple of four bytes', () => {
    const archive = cpio([
      { path: 'bin', folder: true },
      { path: 'bin/ä', content: Buffer.from('12345'), mode: 0o755 },
      { path: 'empty', content: new Uint8Array() },
    ]);

    expect(archive.length % 4).toBe(0);
    expect(members(archive)).toEqual([
      ['bin', 0o040755, ''],
      ['bin/ä', 0o100755, '12345'],
      ['empty', 0o100644, ''],
    ]);
  });
});
