import { expect, it } from 'vitest';
import { createSysctl } from '../../src/sysctl/sysctl.js';
import { describeKernel } from '../support/backends.js';
import { makeNetns } from '../support/netns.js';
import { rejection } from '../support/rejection.js';

describeKernel(['link'], 'sysctls of another namespace', () => {
  it('are those that a program inside sees, and this process keeps its own', async () => {
    const netns = await makeNetns('sysctl');
    try {
      const [inside, own] = [createSysctl(netns.path), createSysctl(undefined)];
      const before = await own.get('net.ipv4.conf.lo.arp_announce');
      await inside.set('net.ipv4.conf.lo.arp_announce', before === '1' ? 2 : 1);
      const { stdout } = await netns.run(['cat', '/proc/sys/net/ipv4/conf/lo/arp_announce']);
      expect(stdout.trim()).toBe(before === '1' ? '2' : '1');
      expect(await own.get('net.ipv4.conf.lo.arp_announce')).toBe(before);
    } finally {
      await netns.remove();
    }
  });

  it('are not to be had when the namespace cannot be entered', async () => {
    expect(await rejection(createSysctl('/nowhere/ns').get('net.ipv4.ip_forward'))).toMatchObject({
      name: 'NotFoundError',
      operation: 'sysctl.get',
      target: 'network namespace /nowhere/ns',
    });
    expect(await rejection(createSysctl('/dev/null').set('net.ipv4.ip_forward', 1))).toMatchObject({
      name: 'InvalidArgumentError',
    });
  });

  it('refuse what the kernel refuses', async () => {
    const netns = await makeNetns('sysctl');
    try {
      const sysctl = createSysctl(netns.path);
      expect(await rejection(sysctl.set('net.ipv4.ip_forward', 'yes'))).toMatchObject({
        name: 'InvalidArgumentError',
        code: 'EINVAL',
      });
    } finally {
      await netns.remove();
    }
  });

  it('say that /proc/sys is read-only, as in a container', async () => {
    const netns = await makeNetns('sysctl');
    try {
      // A mount namespace of its own with /proc/sys bound read-only, entered by the program under test.
      const module = new URL('../../src/sysctl/sysctl.ts', import.meta.url).href;
      const script =
        `import { createSysctl } from ${JSON.stringify(module)};` +
        `for (const place of [undefined, ${JSON.stringify(netns.path)}])` +
        ` await createSysctl(place).set('net.ipv4.conf.lo.arp_announce', 2).catch((e) => console.log(e.name, e.code));`;
      const { stdout } = await netns.run([
        'unshare',
        '--mount',
        'sh',
        '-c',
        'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"',
        'sh',
        process.execPath,
        '--import',
        'tsx',
        '--input-type=module',
        '--eval',
        script,
      ]);
      expect(stdout).toBe('PermissionError EROFS\nPermissionError EROFS\n');
    } finally {
      await netns.remove();
    }
  });
});
