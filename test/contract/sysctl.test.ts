import { expect, it } from 'vitest';
import { isNotFound, isValidation } from '../../src/errors.js';
import { describeOn } from '../support/backends.js';
import { rejection } from '../support/rejection.js';

describeOn(['link'], 'sysctl', (open) => {
  it('is read and written in the namespace', async () => {
    const { sysctl } = await open();
    const before = await sysctl.get('net.ipv4.ip_forward');
    expect(before).toMatch(/^[01]$/);
    const other = before === '1' ? '0' : '1';
    expect(await sysctl.set('net.ipv4.ip_forward', other)).toEqual({
      name: 'net.ipv4.ip_forward',
      before,
      after: other,
      changed: true,
    });
    expect(await sysctl.get('net/ipv4/ip_forward')).toBe(other);
  });

  it('is not written when it is so already', async () => {
    const { sysctl } = await open();
    await sysctl.set('net.ipv4.conf.all.arp_ignore', 1);
    expect(await sysctl.set('net.ipv4.conf.all.arp_ignore', '1')).toMatchObject({
      before: '1',
      changed: false,
    });
  });

  it('of a namespace is not that of another', async () => {
    const [one, two] = [await open(), await open()];
    await one.sysctl.set('net.ipv4.conf.all.arp_announce', 2);
    expect(await two.sysctl.get('net.ipv4.conf.all.arp_announce')).toBe('0');
  });

  it('that does not exist is undefined when read and an error when written', async () => {
    const { sysctl } = await open();
    expect(await sysctl.get('net.ipv4.vs.no_such_entry')).toBeUndefined();
    const err = await rejection(sysctl.set('net.ipv4.vs.no_such_entry', 1));
    expect(isNotFound(err)).toBe(true);
    expect(err).toMatchObject({ code: 'ENOENT', operation: 'sysctl.set', hint: 'modprobe ip_vs' });
  });

  it('has a name below net and a value on one line', async () => {
    const { sysctl } = await open();
    for (const err of await Promise.all(
      [
        sysctl.get('kernel.hostname'),
        sysctl.get('net'),
        sysctl.get('net/../kernel/hostname'),
        sysctl.get('net//../kernel/hostname'),
        sysctl.get('net.ipv4.//.ip_forward'),
        sysctl.set('net.ipv4.ip_forward', ''),
        sysctl.set('net.ipv4.ip_forward', '1\n2'),
        sysctl.set('net.ipv4.ip_forward', 0.5),
      ].map(rejection),
    ))
      expect(isValidation(err)).toBe(true);
  });

  it('rejects with the reason of the signal', async () => {
    const { sysctl } = await open();
    const signal = AbortSignal.abort(new Error('stop'));
    expect(await rejection(sysctl.get('net.ipv4.ip_forward', { signal }))).toBe(signal.reason);
  });
});
