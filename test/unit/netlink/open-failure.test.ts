import { describe, expect, it } from 'vitest';
import {
  InvalidArgumentError,
  NetlinkError,
  NotFoundError,
  PermissionError,
  UnsupportedError,
} from '../../../src/errors.js';
import type { Addon } from '../../../src/native/addon.js';
import { openChannel } from '../../../src/netlink/channel.js';
import { openFailure } from '../../../src/netlink/open-failure.js';
import { rejection } from '../../support/rejection.js';

describe('why a channel does not open', () => {
  it.each([
    [
      'ipvs',
      { step: 'family', errno: -2 },
      UnsupportedError,
      'ipvs.open: the running kernel has no IPVS [ENOENT]',
      'modprobe ip_vs',
    ],
    [
      'ipvs',
      { step: 'family', errno: -12 },
      NetlinkError,
      'asking the kernel for its IPVS interface failed [ENOMEM]',
      undefined,
    ],
    [
      'route',
      { step: 'netns', errno: -2 },
      NotFoundError,
      'link.open network namespace /run/netns/x',
      'ip netns list',
    ],
    [
      'route',
      { step: 'netns', errno: -1 },
      PermissionError,
      'entering the namespace is not permitted [EPERM]',
      'CAP_SYS_ADMIN',
    ],
    ['route', { step: 'netns', errno: -13 }, PermissionError, '[EACCES]', 'CAP_SYS_ADMIN'],
    ['route', { step: 'netns', errno: -22 }, InvalidArgumentError, 'is not a network namespace', undefined],
    ['route', { step: 'netns', errno: -9 }, InvalidArgumentError, 'is not open', undefined],
    [
      'route',
      { step: 'netns', errno: -24 },
      NetlinkError,
      'entering the namespace failed [EMFILE]',
      undefined,
    ],
    [
      'ipset',
      { step: 'socket', errno: -93 },
      UnsupportedError,
      'lacks this netlink protocol',
      'modprobe ip_set',
    ],
    ['ipset', { step: 'socket', errno: -24 }, NetlinkError, 'too many open files', 'ulimit -n'],
    ['ipset', { step: 'socket', errno: -1 }, PermissionError, 'not permitted', 'seccomp'],
    [
      'ipset',
      { step: 'socket', errno: -12 },
      NetlinkError,
      'opening a netlink socket failed [ENOMEM]',
      undefined,
    ],
  ] as const)('%s: %o', (subsystem, failure, type, words, hint) => {
    const err = openFailure(subsystem, { netnsPath: '/run/netns/x' }, failure);
    expect(err).toBeInstanceOf(type);
    expect(err.message).toContain(words);
    expect(err.errno).toBe(failure.errno);
    if (hint === undefined) expect(err.hint).toBeUndefined();
    else expect(err.hint).toContain(hint);
  });

  it('names the descriptor where the namespace was given by one', () => {
    expect(openFailure('ipvs', { netnsFd: 7 }, { step: 'netns', errno: -1 }).target).toBe(
      'network namespace fd 7',
    );
    expect(openFailure('ipvs', {}, { step: 'netns', errno: -1 }).target).toBe('network namespace');
  });

  it('rejects the opening', async () => {
    const addon = { open: () => Promise.resolve({ step: 'family', errno: -2 }) } as unknown as Addon;
    expect(await rejection(openChannel('ipvs', {}, addon))).toBeInstanceOf(UnsupportedError);
  });
});
