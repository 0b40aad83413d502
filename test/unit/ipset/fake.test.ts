import { describe, expect, it } from 'vitest';
import { BusyError, NetlinkError, UnsupportedError, isNotFound } from '../../../src/errors.js';
import { AF } from '../../../src/net/address.js';
import { SetCommand } from '../../../src/native/records.js';
import { Cmd, packCommand, type CommandFields } from '../../../src/ipset/command.js';
import { fakeIpsetChannel } from '../../../src/ipset/fake.js';
import { refusalAt } from '../../../src/ipset/failure.js';
import { unpackHeaders } from '../../../src/ipset/header.js';
import { rejection } from '../../support/rejection.js';
import { endpoints, open } from './support.js';

/** Run one command record and give its code, 0 for success. */
async function codeOf(
  fake: ReturnType<typeof fakeIpsetChannel>,
  fields: Omit<CommandFields, 'protocol'> & { protocol?: number },
) {
  const reply = await fake.run({ shape: 'SetCommand', records: packCommand({ protocol: 7, ...fields }) });
  return refusalAt(reply, 0)?.code ?? 0;
}

describe('the fake', () => {
  it('prints itself in the save form, sorted', async () => {
    const { ipset, fake } = open();
    const b = await ipset.create('b', 'hash:ip', { family: 'inet6', hashSize: 1000, maxElements: 9 });
    const a = await ipset.create('a', 'bitmap:port', { range: [1, 90] });
    await b.addAll(['2001:db8::2', '2001:db8::1']);
    await a.add('80');
    expect(fake.dump()).toBe(
      [
        'create a bitmap:port range 1-90',
        'add a 80',
        'create b hash:ip family inet6 hashsize 1024 maxelem 9',
        'add b 2001:db8::1',
        'add b 2001:db8::2',
        '',
      ].join('\n'),
    );
    expect(open().fake.dump()).toBe('');
  });

  it('answers with an injected code as often as wanted, then as before', async () => {
    const { ipset, fake } = open();
    const set = await ipset.create('web', 'hash:ip,port');
    fake.inject({ command: 'add', set: 'web', code: -12, times: 2 });
    expect(await rejection(set.add('10.0.0.1,tcp:80'))).toMatchObject({ code: 'ENOMEM' });
    expect(await rejection(set.add('10.0.0.1,tcp:80'))).toBeInstanceOf(NetlinkError);
    expect(await set.add('10.0.0.1,tcp:80')).toBe(true);
  });

  it('can refuse one entry in the middle of a load', async () => {
    const { ipset, fake } = open();
    const set = await ipset.create('web', 'hash:ip,port');
    fake.inject({ command: 'add', index: 5, code: -4352 });
    const result = await set.addAll(endpoints(10), { onError: 'continue' });
    expect(result.failures.map(({ index }) => index)).toEqual([5]);
    expect(result.applied).toBe(9);
  });

  it('can lose the reply to a listing', async () => {
    const { ipset, fake } = open();
    fake.inject({ command: 'list', code: 'overrun' });
    expect(await rejection(ipset.list())).toMatchObject({ code: 'ENOBUFS' });
    expect(await ipset.list()).toEqual([]);
  });

  it('can have sets that rules refer to', async () => {
    const { ipset, fake } = open();
    const set = await ipset.create('web', 'hash:ip,port');
    fake.setReferences('web', 1);
    expect(await rejection(set.destroy())).toBeInstanceOf(BusyError);
    expect(await rejection(ipset.rename('web', 'web2'))).toMatchObject({ code: 'IPSET_ERR_REFERENCED' });
    expect((await ipset.get('web'))?.header.references).toBe(1);
    fake.setReferences('web', 0);
    expect(await set.destroy()).toBe(true);
    expect(() => fake.setReferences('web', 1)).toThrow();
  });

  it('can be a kernel that lacks a type', async () => {
    const { ipset, fake } = open();
    fake.removeType('hash:ip,port,ip');
    const err = await rejection(ipset.create('web', 'hash:ip,port,ip'));
    expect(err).toBeInstanceOf(UnsupportedError);
    expect(err).toMatchObject({ hint: 'load its module: modprobe ip_set_hash_ipportip' });
    expect(await ipset.types()).toMatchObject({
      'hash:ip': { min: 0, max: 6 },
      'hash:ip,port,ip': undefined,
    });
  });

  it('can be an old kernel that speaks version 6 only', async () => {
    const { ipset, fake } = open();
    fake.versions = { max: 6, min: 6 };
    const set = await ipset.create('web', 'hash:ip');
    expect(await ipset.protocol()).toEqual({ current: 6, minimum: 6 });
    await set.add('10.0.0.1');
    expect(await set.texts()).toEqual(['10.0.0.1']);
  });

  it('counts what it was asked', async () => {
    const { ipset, fake } = open();
    await ipset.create('web', 'hash:ip');
    const before = fake.counters();
    await ipset.list();
    expect(fake.counters()).toMatchObject({ dumps: before.dumps + 1, sends: before.sends + 1, sockets: 1 });
    expect(ipset.counters()).toEqual(fake.counters());
  });

  it('refuses calls after close', async () => {
    const { ipset, fake } = open();
    await fake.close();
    await fake.close();
    expect(await rejection(ipset.list())).toMatchObject({ code: 'ERR_CLOSED' });
  });

  describe('checks a create in the kernel’s order', () => {
    const create = { command: Cmd.create, name: 'a', name2: 'hash:ip', family: AF.inet, revision: 0 };

    it('malformed, then type, then what the type wants, then the name', async () => {
      const fake = fakeIpsetChannel();
      expect(await codeOf(fake, { ...create, protocol: 5 })).toBe(-4097);
      expect(await codeOf(fake, { command: Cmd.create, name: 'a', name2: 'hash:ip' })).toBe(-4097);
      expect(await codeOf(fake, { ...create, name2: 'hash:nope' })).toBe(-4098);
      expect(await codeOf(fake, { ...create, family: 0 })).toBe(-4098);
      expect(await codeOf(fake, { ...create, revision: 7 })).toBe(-4098);
      expect(await codeOf(fake, { ...create, name2: 'bitmap:port', family: 0 })).toBe(-4097);
      expect(await codeOf(fake, { ...create, hashSize: 2 ** 31 })).toBe(-12);
      expect(await codeOf(fake, create)).toBe(0);
      expect(await codeOf(fake, create)).toBe(-17);
      expect(await codeOf(fake, { ...create, hashSize: 2 ** 31 })).toBe(-12);
    });

    it('does not compare the family of what exists, and compares the size', async () => {
      const fake = fakeIpsetChannel();
      await codeOf(fake, create);
      expect(await codeOf(fake, { ...create, exist: true, family: AF.inet6 })).toBe(0);
      expect(await codeOf(fake, { ...create, exist: true, maxElem: 5 })).toBe(-17);
      expect(await codeOf(fake, { ...create, exist: true, name2: 'hash:ip,port' })).toBe(-17);
    });
  });

  it('destroys and flushes all sets for the empty name, unless one is referenced', async () => {
    const { ipset, fake } = open();
    await (await ipset.create('a', 'hash:ip')).add('10.0.0.1');
    await ipset.create('b', 'hash:ip');
    fake.setReferences('b', 1);
    expect(await codeOf(fake, { command: Cmd.flush })).toBe(0);
    expect((await ipset.get('a'))?.header.elements).toBe(0);
    expect(await codeOf(fake, { command: Cmd.destroy })).toBe(-4100);
    fake.setReferences('b', 0);
    expect(await codeOf(fake, { command: Cmd.destroy })).toBe(0);
    expect(await codeOf(fake, { command: Cmd.destroy, name: 'a', exist: true })).toBe(0);
    expect(fake.dump()).toBe('');
  });

  it('answers HEADER and the questions by name and index', async () => {
    const { ipset, fake } = open();
    await ipset.create('a', 'hash:ip,port', { family: 'inet6' });
    const ask = async (fields: Omit<CommandFields, 'protocol'>) => {
      const reply = await fake.run({ shape: 'SetCommand', records: packCommand({ protocol: 7, ...fields }) });
      return unpackHeaders(reply.SetHeader ?? new Uint8Array())[0];
    };
    expect((await ask({ command: Cmd.header, name: 'a' }))?.header).toMatchObject({
      type: 'hash:ip,port',
      family: 'inet6',
    });
    expect((await ask({ command: Cmd.getByName, name: 'a' }))?.name).toBe('a');
    expect((await ask({ command: Cmd.getByIndex }))?.name).toBe('a');
    expect(await codeOf(fake, { command: Cmd.header, name: 'b' })).toBe(-2);
  });

  it('refuses records of a wrong length, as the addon does', async () => {
    const fake = fakeIpsetChannel();
    const records = new Uint8Array(SetCommand.size + 1);
    await expect(fake.run({ shape: 'SetCommand', records })).rejects.toThrow(RangeError);
  });

  it('stops at the first refusal of a run when asked to', async () => {
    const fake = fakeIpsetChannel();
    const one = packCommand({ protocol: 7, command: Cmd.flush, name: 'none' });
    const records = new Uint8Array([...one, ...one, ...one]);
    expect((await fake.run({ shape: 'SetCommand', records })).settled).toBe(3);
    expect((await fake.run({ shape: 'SetCommand', records, stopOnError: true })).settled).toBe(1);
  });

  it('gives a set that vanished between two calls the kernel’s answer', async () => {
    const { ipset } = open();
    const set = await ipset.create('web', 'hash:ip');
    await ipset.destroy('web');
    for (const call of [
      set.add('10.0.0.1'),
      set.has('10.0.0.1'),
      set.texts(),
      set.size(),
      set.flush(),
      set.destroy(),
    ]) {
      expect(isNotFound(await rejection(call))).toBe(true);
    }
    expect(await set.destroy({ ifExists: true })).toBe(false);
  });
});
