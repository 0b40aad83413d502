import { describe, expect, it } from 'vitest';
import { OutcomeUnknownError } from '../../../src/errors.js';
import { type FakeRouteChannel, fakeRouteChannel, type RouteRefusal } from '../../../src/link/fake.js';
import { createLink } from '../../../src/link/link.js';
import type { Link } from '../../../src/link/types.js';
import type { Channel, Reply } from '../../../src/netlink/types.js';
import { rejection } from '../../support/rejection.js';

function fake(): { channel: FakeRouteChannel; link: Link } {
  const channel = fakeRouteChannel();
  return { channel, link: createLink(() => Promise.resolve(channel)) };
}

/** A link whose every run is answered with a changed reply. */
function answering(change: Partial<Reply>, only: 'run' | 'dump'): Link {
  const channel = fakeRouteChannel();
  const bent: Channel = {
    subsystem: 'route',
    run: async (request, options) => {
      const reply = await channel.run(request, options);
      return only === 'run' && request.records.length > 72 ? { ...reply, ...change } : reply;
    },
    dump: async (request, options) => {
      const reply = await channel.dump(request, options);
      return only === 'dump' ? { ...reply, ...change } : reply;
    },
    counters: () => channel.counters(),
    close: () => channel.close(),
  };
  return createLink(() => Promise.resolve(bent));
}

const refuse =
  (command: number, refusal: RouteRefusal) =>
  (request: { command: number }): RouteRefusal | undefined =>
    request.command === command ? refusal : undefined;

describe('links', () => {
  it('open their channel on first use only', async () => {
    let opened = 0;
    const link = createLink(() => {
      opened++;
      return Promise.resolve(fakeRouteChannel());
    });
    expect(link.counters()).toMatchObject({ sends: 0, messages: 0, sockets: 0 });
    expect(opened).toBe(0);
    await link.list();
    expect(opened).toBe(1);
    expect(link.counters()).toMatchObject({ dumps: 1, sockets: 1 });
  });

  it('say how to get dummy interfaces when the kernel has none', async () => {
    const { channel, link } = fake();
    channel.dummySupported = false;
    expect(await rejection(link.ensureDummy('d0'))).toMatchObject({
      name: 'UnsupportedError',
      code: 'EOPNOTSUPP',
      hint: 'modprobe dummy',
      extack: { message: 'Unknown device type' },
    });
  });

  it('refuse to take an interface of another kind for the dummy', async () => {
    const { channel, link } = fake();
    channel.addLink('kube-ipvs0', { kind: 'veth' });
    expect(await rejection(link.ensureDummy('kube-ipvs0'))).toMatchObject({
      name: 'AlreadyExistsError',
      message: expect.stringContaining('veth') as string,
    });
  });

  it('do not mind when somebody else makes the dummy at the same moment', async () => {
    const { channel, link } = fake();
    channel.fault = (request) => {
      if (request.command !== 16) return undefined;
      channel.fault = undefined;
      channel.addLink('d0', { kind: 'dummy', up: false });
      return undefined;
    };
    expect(await link.ensureDummy('d0')).toEqual({ created: false });
  });

  it('name the missing capability', async () => {
    const { channel, link } = fake();
    channel.fault = refuse(20, { code: -1 });
    expect(await rejection(link.addAddresses('lo', ['10.0.0.1']))).toMatchObject({
      name: 'PermissionError',
      code: 'EPERM',
      position: 0,
      applied: 0,
      hint: expect.stringContaining('CAP_NET_ADMIN') as string,
    });
  });

  it('explain an interface without IPv6', async () => {
    const { channel, link } = fake();
    channel.fault = (request) =>
      request.address?.includes(':') === true
        ? { code: -13, message: 'IPv6 is disabled on this device' }
        : undefined;
    const err = await rejection(link.addAddresses('lo', ['10.0.0.1', 'fd00::1', '10.0.0.2']));
    expect(err).toMatchObject({ name: 'UnsupportedError', position: 1, applied: 2, target: 'lo fd00::1' });
    expect(String(err)).toContain('IPv6 is disabled on this device');
  });

  it('name the place in the input, not in what was sent', async () => {
    const { channel, link } = fake();
    channel.fault = (request) => (request.address === '10.0.0.3' ? { code: -12 } : undefined);
    const err = await rejection(link.addAddresses('lo', ['10.0.0.1', '10.0.0.1', '10.0.0.2', '10.0.0.3']));
    expect(err).toMatchObject({ code: 'ENOMEM', position: 3, applied: 2 });
  });

  it('carry all addresses in one run', async () => {
    const { channel, link } = fake();
    await link.addAddresses('lo', ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(channel.counters()).toMatchObject({ sends: 2, messages: 4 });
    expect(channel.dump()).toBe('1: lo up 127.0.0.1/8 ::1/128 10.0.0.1/32 10.0.0.2/32 10.0.0.3/32\n');
  });

  it('send nothing for no addresses', async () => {
    const { channel, link } = fake();
    expect(await link.addAddresses('lo', [])).toEqual({ changed: [], unchanged: [] });
    expect(channel.counters().sends).toBe(0);
  });

  it('do not guess when the kernel dropped replies', async () => {
    const link = answering({ overrun: true, settled: 1 }, 'run');
    const err = await rejection(link.addAddresses('lo', ['10.0.0.1', '10.0.0.2', '10.0.0.3']));
    expect(err).toBeInstanceOf(OutcomeUnknownError);
    expect(err).toMatchObject({ applied: 1 });
  });

  it('do not take an exchange that ended early for success', async () => {
    const two = ['10.0.0.1', '10.0.0.2'];
    expect(await rejection(answering({ error: -1 }, 'run').addAddresses('lo', two))).toMatchObject({
      code: 'EPERM',
    });
    expect(await rejection(answering({ settled: 1 }, 'run').addAddresses('lo', two))).toMatchObject({
      code: 'EPROTO',
    });
  });

  it('do not hand out a listing that changed while it was read', async () => {
    const link = answering({ interrupted: true }, 'dump');
    for (const err of await Promise.all([link.list(), link.addresses('lo')].map(rejection)))
      expect(err).toMatchObject({ name: 'OutcomeUnknownError', code: 'EINTR' });
  });

  it('report an interface that went away between two requests', async () => {
    const { channel, link } = fake();
    await link.ensureDummy('d0');
    channel.fault = refuse(22, { code: -19 });
    expect(await rejection(link.addresses('d0'))).toMatchObject({ name: 'NotFoundError', target: 'd0' });
  });

  it('are closed for good', async () => {
    const { channel, link } = fake();
    await channel.close();
    expect(await rejection(link.list())).toMatchObject({ code: 'ERR_CLOSED' });
  });
});
