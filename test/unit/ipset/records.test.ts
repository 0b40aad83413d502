import { describe, expect, it } from 'vitest';
import { isValidation } from '../../../src/errors.js';
import { formatIpsetRecord, type NumberedIpsetRecord, parseIpsetSave } from '../../../src/ipset/records.js';
import { rejection } from '../../support/rejection.js';

async function read(text: string): Promise<NumberedIpsetRecord[]> {
  const records: NumberedIpsetRecord[] = [];
  for await (const record of parseIpsetSave(text)) records.push(record);
  return records;
}

const TEXT = `create a hash:ip,port family inet hashsize 1024 maxelem 65536 timeout 5 counters comment
add a 10.0.0.1,tcp:80 timeout 5 packets 1 bytes 2 comment "two  words"
del a 10.0.0.1,tcp:80
create b bitmap:port range 1-9
create c bitmap:ip range 10.0.0.0-10.0.0.255 netmask 28
add l a before b
flush a
flush
rename a d
swap d b
destroy b
destroy
`;

describe('records of ipset save', () => {
  it('are read and written without loss', async () => {
    const records = await read(TEXT);
    expect(records.map((record) => `${formatIpsetRecord(record)}\n`).join('')).toBe(TEXT);
    expect(records[1]).toEqual({
      command: 'add',
      set: 'a',
      entry: '10.0.0.1,tcp:80 timeout 5 packets 1 bytes 2 comment "two  words"',
      line: 2,
    });
    expect(records[0]).toMatchObject({ type: 'hash:ip,port', options: { timeout: 5, counters: true } });
  });

  it('are what the old spellings mean, too', async () => {
    expect(await read('\n# x\n-N a iphash --hashsize 64\n--add a 10.0.0.1 --comment x\r\nCOMMIT\n')).toEqual([
      { command: 'create', set: 'a', type: 'hash:ip', options: { hashSize: 64 }, line: 3 },
      { command: 'add', set: 'a', entry: '10.0.0.1 comment "x"', line: 4 },
    ]);
  });

  it('are refused with the number of the line', async () => {
    for (const bad of [
      'list',
      'foo',
      'add a',
      'create a nosuch',
      'create a bitmap:port',
      'add a "b',
      'rename a',
    ]) {
      const err = await rejection(read(`flush\n${bad}\n`));
      expect(isValidation(err) && err.path).toBe('line 2');
    }
  });

  it('are read as they are asked for', async () => {
    let pieces = 0;
    function* input(): Generator<string> {
      for (;;) {
        pieces++;
        yield 'flush a\n';
      }
    }
    for await (const { line } of parseIpsetSave(input())) if (line === 10) break;
    expect(pieces).toBeLessThan(20);
  });
});
