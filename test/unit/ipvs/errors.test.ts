import { describe, expect, it } from 'vitest';
import {
  AlreadyExistsError,
  InvalidArgumentError,
  NetlinkError,
  NotFoundError,
  OutcomeUnknownError,
  PermissionError,
  UnsupportedError,
} from '../../../src/errors.js';
import {
  type CallContext,
  COMMON,
  explain,
  EXPLANATIONS,
  type IpvsCall,
  refusalError,
  unknownOutcomeError,
} from '../../../src/ipvs/errors.js';
import { parseVirtualServer } from '../../../src/ipvs/identity.js';

const service = parseVirtualServer('tcp://10.0.0.1:80');
const real = (address: string, family: 'inet' | 'inet6' = 'inet'): CallContext => ({
  service,
  destination: { family, address, port: 80 },
});

describe('a refusal', () => {
  it.each<[IpvsCall, number, new (init: never) => NetlinkError]>([
    ['add', -17, AlreadyExistsError],
    ['add', -2, UnsupportedError],
    ['add', -22, InvalidArgumentError],
    ['add', -97, UnsupportedError],
    ['set', -3, NotFoundError],
    ['set', -2, UnsupportedError],
    ['remove', -3, NotFoundError],
    ['get', -3, NotFoundError],
    ['addReal', -3, NotFoundError],
    ['addReal', -17, AlreadyExistsError],
    ['addReal', -22, InvalidArgumentError],
    ['addReal', -34, InvalidArgumentError],
    ['setReal', -3, NotFoundError],
    ['setReal', -2, NotFoundError],
    ['removeReal', -3, NotFoundError],
    ['removeReal', -2, NotFoundError],
    ['list', -2, UnsupportedError],
    ['flush', -1, PermissionError],
    ['info', -95, UnsupportedError],
    ['setTimeouts', -22, InvalidArgumentError],
    ['add', -12, NetlinkError],
  ])('of %s with errno %i is a decision of its own', (call, errno, type) => {
    const err = refusalError(call, { errno }, { service });
    expect(err).toBeInstanceOf(type);
    expect(err).toMatchObject({ errno, operation: `ipvs.${call}`, target: 'tcp://10.0.0.1:80' });
    expect(err.name).toBe(type.name);
  });

  it('has words for every line of the tables', () => {
    for (const call of Object.keys(EXPLANATIONS) as IpvsCall[]) {
      for (const line of [...Object.values(EXPLANATIONS[call]), ...Object.values(COMMON)]) {
        const meaning = typeof line.meaning === 'string' ? line.meaning : line.meaning({});
        expect(meaning).toMatch(/^[a-z][^.]+$/);
        // A hint must do with whatever context there is.
        expect(() => line.hint?.({})).not.toThrow();
      }
    }
  });

  it('that the tables do not have is still an error with its code', () => {
    expect(explain('flush', -71).type).toBe(NetlinkError);
    expect(refusalError('flush', { errno: -71 })).toMatchObject({ code: 'EPROTO', errno: -71 });
  });

  it('names the module that a scheduler or an engine lacks', () => {
    const scheduler = refusalError('add', { errno: -2 }, { service, scheduler: 'mh', engine: '' });
    expect(scheduler.hint).toBe('modprobe ip_vs_mh');
    expect(scheduler.message).toContain('the kernel has no scheduler mh');
    const both = refusalError('set', { errno: -2 }, { service, scheduler: 'rr', engine: 'sip' });
    expect(both.hint).toBe('modprobe ip_vs_rr; modprobe ip_vs_pe_sip');
    expect(refusalError('add', { errno: -2 }, { service, scheduler: 'none', engine: 'sip' }).hint).toBe(
      'modprobe ip_vs_pe_sip',
    );
  });

  it('says in which user namespace the capability is needed', () => {
    expect(refusalError('list', { errno: -1 }).hint).toMatch(/CAP_NET_ADMIN in the initial user namespace/);
  });

  it.each([
    [real('10.1.0.1'), /is lo up\?/],
    [real('0.0.0.0'), /0\.0\.0\.0 is not the address of one host/],
    [real('224.0.0.1'), /not the address of one host/],
    [real('255.255.255.255'), /not the address of one host/],
    [real('::', 'inet6'), /not the address of one host/],
    [real('ff02::1', 'inet6'), /not the address of one host/],
    [real('fe80::1', 'inet6'), /link-local/],
    [real('2001:db8::1', 'inet6'), /sync daemon/],
  ])('of a real server says why its address may be unusable', (context, hint) => {
    expect(refusalError('addReal', { errno: -22 }, context).hint).toMatch(hint);
  });

  it('carries what the kernel said and which operation of a batch it was', () => {
    const extack = { message: 'Attribute failed policy validation', offset: 20 };
    const err = refusalError('setTimeouts', { errno: -34, extack }, { position: 3 });
    expect(err).toMatchObject({ extack, position: 3 });
    expect(err.message).toContain('the kernel says: Attribute failed policy validation');
  });
});

describe('a lost answer', () => {
  it('says that the outcome is not known', () => {
    const err = unknownOutcomeError('setReal', 0, real('10.1.0.1'));
    expect(err).toBeInstanceOf(OutcomeUnknownError);
    expect(err).toMatchObject({ code: 'ENOBUFS', target: 'tcp://10.0.0.1:80 -> 10.1.0.1:80' });
  });
});
