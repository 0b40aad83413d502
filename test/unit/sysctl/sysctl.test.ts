import { constants } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeSysctl } from '../../../src/sysctl/fake.js';
import { sysctlPath } from '../../../src/sysctl/name.js';
import { createSysctl } from '../../../src/sysctl/sysctl.js';
import { rejection } from '../../support/rejection.js';

describe('sysctl names', () => {
  it.each([
    ['net.ipv4.ip_forward', 'net/ipv4/ip_forward'],
    ['net/ipv4/ip_forward', 'net/ipv4/ip_forward'],
    ['net.ipv4.conf.eth0/100.rp_filter', 'net/ipv4/conf/eth0.100/rp_filter'],
    ['net/ipv4/conf/eth0.100/rp_filter', 'net/ipv4/conf/eth0.100/rp_filter'],
  ])('%s is the file %s', (name, path) => {
    expect(sysctlPath(name)).toBe(path);
  });

  it.each([
    '',
    'net',
    'net.',
    'kernel.hostname',
    '/net/ipv4/ip_forward',
    'net/../kernel/hostname',
    'net.//.kernel.hostname',
    'net./.ipv4',
    'net..ipv4',
    'net/ipv4//ip_forward',
    'net/./ipv4',
    'net.ipv4.a\0b',
    'netx.ipv4',
  ])('refuse %j', (name) => {
    expect(() => sysctlPath(name)).toThrow(/below net/);
  });

  it('never lead out of net', () => {
    const part = fc.constantFrom('net', 'ipv4', '..', '.', '/', '', 'kernel', 'eth0', '\0');
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 8 }),
        fc.constantFrom('.', '/', '//', './'),
        (parts, separator) => {
          let path: string;
          try {
            path = sysctlPath(['net', ...parts].join(separator));
          } catch {
            return;
          }
          expect(new URL(`file:///proc/sys/${path}`).pathname).toMatch(/^\/proc\/sys\/net\/./);
          expect(path.split('/').filter((p) => p === '' || p === '.' || p === '..')).toEqual([]);
        },
      ),
    );
  });
});

describe('sysctl', () => {
  it('compares lists of numbers by their words', async () => {
    const sysctl = createFakeSysctl({ 'net.ipv4.tcp_rmem': '4096\t131072\t6291456' });
    expect(await sysctl.set('net.ipv4.tcp_rmem', '4096 131072  6291456')).toMatchObject({ changed: false });
  });

  it('reports what the kernel made of a value', async () => {
    const sysctl = createFakeSysctl();
    const set = sysctl.values.set.bind(sysctl.values);
    sysctl.values.set = (path, value) => set(path, value === '9' ? '2' : value);
    expect(await sysctl.set('net.ipv4.conf.all.arp_announce', 9)).toEqual({
      name: 'net.ipv4.conf.all.arp_announce',
      before: '0',
      after: '2',
      changed: true,
    });
  });

  it('has the entries of a fresh namespace, and those it is given', async () => {
    const sysctl = createFakeSysctl({ 'net/ipv4/vs/conntrack': '1', 'net.ipv4.conf.eth0/1.rp_filter': '2' });
    expect(await sysctl.get('net.ipv4.vs.conntrack')).toBe('1');
    expect(await sysctl.get('net/ipv4/conf/eth0.1/rp_filter')).toBe('2');
    expect(await sysctl.get('net.ipv4.ip_forward')).toBe('0');
  });

  it.each([
    ['EACCES', 'PermissionError', 'CAP_NET_ADMIN'],
    ['EPERM', 'PermissionError', 'CAP_NET_ADMIN'],
    ['EROFS', 'PermissionError', 'privileged'],
    ['EINVAL', 'InvalidArgumentError', undefined],
    ['EIO', 'NetlinkError', undefined],
  ] as const)('answers %s with a %s', async (code, name, hint) => {
    const sysctl = createFakeSysctl();
    sysctl.fault = (access) => (access === 'write' ? constants.errno[code] : undefined);
    const err = await rejection(sysctl.set('net.ipv4.ip_forward', 1));
    expect(err).toMatchObject({ name, code, target: 'net/ipv4/ip_forward', operation: 'sysctl.set' });
    if (hint !== undefined) expect(err).toMatchObject({ hint: expect.stringContaining(hint) as string });
    expect(sysctl.values.get('net/ipv4/ip_forward')).toBe('0');
  });

  it('hands on what cannot be read', async () => {
    const sysctl = createFakeSysctl();
    sysctl.fault = () => constants.errno.EACCES;
    expect(await rejection(sysctl.get('net.ipv4.ip_forward'))).toMatchObject({ name: 'PermissionError' });
  });

  it.skipIf(process.platform !== 'linux')(
    'reads the namespace of this process without starting a program',
    async () => {
      const path = process.env['PATH'];
      process.env['PATH'] = '/nowhere';
      try {
        expect(await createSysctl(undefined).get('net.ipv4.ip_forward')).toMatch(/^[01]$/);
      } finally {
        process.env['PATH'] = path;
      }
    },
  );
});
