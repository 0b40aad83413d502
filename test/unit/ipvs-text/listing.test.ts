import { describe, expect, it } from 'vitest';
import { spellCounter } from '../../../src/ipvs/text/listing.js';
import { fakeKernel, type FakeKernel } from '../../../src/testing.js';
import { adm, fixedNames } from '../../support/adm.js';

const lines = (text: string): readonly string[] => text.split('\n').slice(0, -1);

describe('counters', () => {
  // Seen: ipvsadm 1.31 with these numbers put into the kernel's answer.
  it.each([
    ['0', '        0', '        0'],
    ['99999', '    99999', '    99999'],
    ['99999999', ' 99999999', ' 99999999'],
    ['100000000', '  100000K', ' 100000000'],
    ['999999999', '  999999K', ' 999999999'],
    ['1000000000', '    1000M', ' 1000000000'],
    ['9999999999', '    9999M', ' 9999999999'],
    ['99999999999', '   99999M', ' 99999999999'],
    ['100000000000', '     100G', ' 100000000000'],
    ['9999999999999', '    9999G', ' 9999999999999'],
    ['99999999999999', '   99999G', ' 99999999999999'],
    ['100000000000000', '     100T', ' 100000000000000'],
    ['18446744073709551615', '18446744T', ' 18446744073709551615'],
  ])('%s', (value, short, exact) => {
    expect(spellCounter(BigInt(value), false)).toBe(short);
    expect(spellCounter(BigInt(value), true)).toBe(exact);
  });

  it('of traffic: totals and rates, those of real servers spelled out where connections and packets per second are', async () => {
    const kernel = await withTraffic();
    expect(lines((await adm(kernel.ipvs, ['-Ln', '--stats'])).stdout).slice(1)).toEqual([
      'Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes',
      '  -> RemoteAddress:Port',
      'TCP  10.0.0.1:80                     1000M        7        8     100G        9',
      '  -> 10.1.0.1:80                         1        2        3        4        5',
    ]);
    expect(lines((await adm(kernel.ipvs, ['-Ln', '--rate', '-t', '10.0.0.1:80'])).stdout)).toEqual([
      'Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS',
      '  -> RemoteAddress:Port',
      'TCP  10.0.0.1:80                   123456K        0        0        0        0',
      '  -> 10.1.0.1:80                  123456789        0        0     100G        0',
    ]);
    expect(lines((await adm(kernel.ipvs, ['-Ln', '--rate', '--exact'])).stdout)[4]).toBe(
      '  -> 10.1.0.1:80                  123456789        0        0 100000000000        0',
    );
  });

  it('are zero after -Z, of the server named or of all', async () => {
    const kernel = await withTraffic();
    await kernel.ipvs.add('tcp://10.0.0.2:80');
    kernel.fake.ipvs.setCounters('tcp://10.0.0.2:80', undefined, { connections: 5 });
    await adm(kernel.ipvs, ['-Z', '-t', '10.0.0.1:80']);
    const connections = async () =>
      lines((await adm(kernel.ipvs, ['-Ln', '--stats'])).stdout)
        .slice(3)
        .map((line) => line.slice(33, 42).trim());
    expect(await connections()).toEqual(['0', '0', '5']);
    await adm(kernel.ipvs, ['-Z']);
    expect(await connections()).toEqual(['0', '0', '0']);
  });
});

async function withTraffic(): Promise<FakeKernel> {
  const kernel = fakeKernel();
  const server = await kernel.ipvs.add('tcp://10.0.0.1:80');
  await server.add('10.1.0.1:80');
  kernel.fake.ipvs.setCounters('tcp://10.0.0.1:80', undefined, {
    connections: 1_000_000_000,
    packetsIn: 7,
    packetsOut: 8,
    bytesIn: 100_000_000_000,
    bytesOut: 9,
    connectionsPerSecond: 123_456_789,
  });
  kernel.fake.ipvs.setCounters('tcp://10.0.0.1:80', '10.1.0.1:80', {
    connections: 1,
    packetsIn: 2,
    packetsOut: 3,
    bytesIn: 4,
    bytesOut: 5,
    connectionsPerSecond: 123_456_789,
    bytesInPerSecond: 100_000_000_000,
  });
  return kernel;
}

describe('names', () => {
  const HOSTS = {
    'a-very-long-host-name-that-goes-on.and-on.example.com': '10.77.0.1',
    short: '10.77.0.2',
    'six.example.com': '2001:db8::77',
    'exactly-twenty-chars': '10.77.0.3',
  };

  /** As it was done with the real tool and these lines in /etc/hosts. */
  async function named(): Promise<FakeKernel> {
    const kernel = fakeKernel();
    for (const line of [
      '-A -t short:http',
      '-A -t 10.77.0.1:8080',
      '-A -u 10.77.0.1:domain',
      '-A -t [2001:db8::77]:http',
      '-a -t [2001:db8::77]:http -r [2001:db8::77]:8080 -m',
      '-a -t short:http -r a-very-long-host-name-that-goes-on.and-on.example.com:8080 -m',
      '-a -t short:http -r exactly-twenty-chars:imaps -m',
      '-A -f 3',
      '-a -f 3 -r short -m',
    ]) {
      const ran = await adm(kernel.ipvs, line.split(' '), '', fixedNames(HOSTS));
      expect(ran).toEqual({ stdout: '', stderr: '', code: 0 });
    }
    return kernel;
  }

  it('are cut to their column in a table', async () => {
    const kernel = await named();
    const { stdout } = await adm(kernel.ipvs, ['-L'], '', fixedNames(HOSTS));
    expect(lines(stdout).slice(3)).toEqual([
      'TCP  a-very-long-host-name-that-g wlc',
      'TCP  short:http wlc',
      '  -> a-very-long-host-name-that-g Masq    1      0          0         ',
      '  -> exactly-twenty-chars:imaps   Masq    1      0          0         ',
      'UDP  a-very-long-host-name-that-g wlc',
      'TCP  [six.example.com]:http wlc',
      '  -> [six.example.com]:http-alt   Masq    1      0          0         ',
      'FWM  3 wlc',
      '  -> short:0                      Masq    1      0          0         ',
    ]);
  });

  it('are whole in a save, which can be restored', async () => {
    const kernel = await named();
    const { stdout } = await adm(kernel.ipvs, ['-S'], '', fixedNames(HOSTS));
    expect(stdout).toContain('-A -t a-very-long-host-name-that-goes-on.and-on.example.com:http-alt -s wlc\n');
    const again = fakeKernel();
    // IPv6 addresses are not looked up by name, by ipvsadm neither.
    const four = stdout.replaceAll('six.example.com', '2001:db8::77');
    expect(await adm(again.ipvs, ['-R'], four, fixedNames(HOSTS))).toMatchObject({ stderr: '', code: 0 });
    expect(again.fake.ipvs.save()).toBe(kernel.fake.ipvs.save());
  });

  it('are refused on input where they are unknown, or of an IPv6 host', async () => {
    const kernel = fakeKernel();
    for (const [option, what] of [
      ['nowhere:80', 'virtual'],
      ['six.example.com:80', 'virtual'],
      ['short:nosuchservice', 'virtual'],
    ]) {
      expect(await adm(kernel.ipvs, ['-A', '-t', option ?? ''], '', fixedNames(HOSTS))).toEqual({
        stdout: '',
        stderr: `illegal ${what ?? ''} server address[:port] specified\n`,
        code: 2,
      });
    }
  });
});

describe('what ipvsadm could not read back', () => {
  it('is saved so that it can be: marks from 2^31 on, and flags without a name', async () => {
    const kernel = fakeKernel();
    await adm(kernel.ipvs, '-A -f 4000000000'.split(' '));
    await adm(kernel.ipvs, '-A -t 10.0.0.1:80 -s sh -b flag-3'.split(' '));
    const { stdout } = await adm(kernel.ipvs, ['-Sn']);
    expect(stdout).toBe('-A -f 4000000000 -s wlc\n-A -t 10.0.0.1:80 -s sh -b flag-3\n');
    const again = fakeKernel();
    await adm(again.ipvs, ['-R'], stdout);
    expect(again.fake.ipvs.save()).toBe(kernel.fake.ipvs.save());
  });

  it('is listed as ipvsadm lists it', async () => {
    const kernel = fakeKernel();
    await adm(kernel.ipvs, '-A -f 4000000000'.split(' '));
    await adm(kernel.ipvs, '-A -t 10.0.0.1:80 -s sh -b flag-3'.split(' '));
    expect(lines((await adm(kernel.ipvs, ['-Ln'])).stdout).slice(3)).toEqual([
      'FWM  -294967296 wlc',
      'TCP  10.0.0.1:80 sh ()',
    ]);
  });
});

describe('connections', () => {
  const TABLE = [
    'Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData',
    'TCP 0A010001 C350 0A000001 0050 0A010002 1F90 ESTABLISHED     899',
    'UDP 0A010001 8235 0A000001 13C4 0A010002 13C4 UDP             300 sip 123456789@10.0.0.1',
    'IP  0A010000 0000 00000005 0000 0A010002 0000 NONE            359',
    'TCP 2001:0db8:0000:0000:0000:0000:0000:0001 C350 2001:0db8:0000:0000:0000:0000:0000:0080 0050 2001:0db8:0000:0000:0000:0000:0000:00a0 0050 TIME_WAIT         345',
    'TCP 2001:0db8:aaaa:bbbb:cccc:dddd:eeee:ffff C350 2001:0db8:aaaa:bbbb:cccc:dddd:eeee:fff0 0050 0A010002 0050 SYN_RECV          1',
    'SCTP 0A010001 C350 0A000001 0050 0A010002 0050 ESTABLISHED     86400',
    'IP_250 0A010001 C350 0A000001 0050 0A010002 1F90 ESTABLISHED     899',
  ];
  // What ipvsadm 1.31 printed of these lines.
  const LISTED = [
    'IPVS connection entries',
    'pro expire state       source             virtual            destination',
    'TCP 14:59  ESTABLISHED 10.1.0.1:50000     10.0.0.1:80        10.1.0.2:8080',
    'UDP 05:00  UDP         10.1.0.1:33333     10.0.0.1:5060      10.1.0.2:5060',
    'IP  05:59  NONE        10.1.0.0:0         0.0.0.5:0          10.1.0.2:0',
    'TCP 05:45  TIME_WAIT   [2001:db8::1]:50000 [2001:db8::80]:80  [2001:db8::a0]:80',
    'TCP 00:01  SYN_RECV    [2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:50000 [2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff0]:80 10.1.0.2:80',
    'SCTP 1440:00 ESTABLISHED 10.1.0.1:50000     10.0.0.1:80        10.1.0.2:80',
    'IP_250 14:59  ESTABLISHED 10.1.0.1:50000     10.0.0.1:80        10.1.0.2:8080',
  ];

  function kernelWith(table: readonly string[]): FakeKernel {
    const kernel = fakeKernel();
    kernel.fake.ipvs.connectionTable = table.map((line) => `${line}\n`).join('');
    return kernel;
  }

  it('are listed with minutes and seconds', async () => {
    expect(lines((await adm(kernelWith(TABLE).ipvs, ['-Lcn'])).stdout)).toEqual(LISTED);
  });

  it('show what a persistence engine keeps', async () => {
    const { stdout } = await adm(kernelWith(TABLE).ipvs, ['-Lcn', '--persistent-conn']);
    expect(lines(stdout)[1]).toBe(
      'pro expire state       source             virtual            destination        pe name          pe_data',
    );
    expect(lines(stdout)[3]).toBe(
      'UDP 05:00  UDP         10.1.0.1:33333     10.0.0.1:5060      10.1.0.2:5060    sip                123456789@10.0.0.1',
    );
  });

  it('have names, which are not cut, and those of ports by protocol', async () => {
    const names = fixedNames({ 'a-very-long-host-name-that-goes-on.and-on.example.com': '10.1.0.1' });
    const { stdout } = await adm(kernelWith(TABLE).ipvs, ['-Lc'], '', names);
    expect(lines(stdout)[2]).toBe(
      'TCP 14:59  ESTABLISHED a-very-long-host-name-that-goes-on.and-on.example.com:50000 10.0.0.1:http      10.1.0.2:http-alt',
    );
    expect(lines(stdout)[7]).toMatch(/ 10\.0\.0\.1:80 {8}10\.1\.0\.2:80$/);
  });

  it('come as objects', async () => {
    const found = [];
    for await (const connection of kernelWith(TABLE).ipvs.connections()) found.push(connection);
    expect(found).toHaveLength(7);
    expect(found[1]).toEqual({
      protocol: 'udp',
      client: { address: '10.1.0.1', port: 33333 },
      virtual: { address: '10.0.0.1', port: 5060 },
      server: { address: '10.1.0.2', port: 5060 },
      state: 'UDP',
      expires: 300,
      template: false,
      engine: { name: 'sip', data: '123456789@10.0.0.1' },
    });
    expect(found[3]).toMatchObject({ client: { address: '2001:db8::1', port: 50000 } });
  });

  it.each([
    ['no titles', ['TCP 0A010001 C350 0A000001 0050 0A010002 1F90 ESTABLISHED 899'], 1],
    ['junk', [TABLE[0] ?? '', 'junk line'], 2],
    ['a short address', [TABLE[0] ?? '', 'TCP 0A0101 C350 0A000001 0050 0A010002 1F90 ESTABLISHED 899'], 2],
    ['a negative time', [TABLE[0] ?? '', 'TCP 0A010001 C350 0A000001 0050 0A010002 1F90 ESTABLISHED -1'], 2],
    ['nothing at all', [], 1],
  ])('are an error with the line’s number for a table with %s', async (_what, table, number) => {
    await expect(adm(kernelWith(table).ipvs, ['-Lcn'])).rejects.toMatchObject({
      name: 'ProtocolError',
      target: `/proc/net/ip_vs_conn line ${String(number)}`,
    });
  });
});

describe('without IPVS', () => {
  it('says who may use it, with the exit code of ipvsadm, and still gives help', async () => {
    const kernel = fakeKernel();
    kernel.fake.ipvs.machine = { ...kernel.fake.ipvs.machine, capable: false };
    const refused = {
      stdout: '',
      stderr:
        "Can't initialize ipvs: Permission denied (you must be root)\n" +
        'Are you sure that IP Virtual Server is built in the kernel or as module?\n',
      code: 2,
    };
    expect(await adm(kernel.ipvs, ['-Ln'])).toEqual(refused);
    expect(await adm(kernel.ipvs, ['-A', '-t', '10.0.0.1:80'])).toEqual(refused);
    expect(await adm(kernel.ipvs, ['-h'])).toMatchObject({ code: 0 });
  });
});
