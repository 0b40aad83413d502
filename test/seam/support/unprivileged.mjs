// Run by ../kernel-ipset.test.ts as root: gives up root after opening and prints what the kernel then answers, as JSON.
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const addon = createRequire(import.meta.url)('node-gyp-build')(root);
const { SetCommand, SetEntry, Failure } = addon.layouts();
const NOTHING = new Uint8Array(0);

function command(number, name) {
  const record = new Uint8Array(SetCommand.size);
  new DataView(record.buffer).setUint32(SetCommand.command, number, true);
  record[SetCommand.protocol] = 7;
  for (const [i, char] of [...name].entries()) record[SetCommand.name + i] = char.charCodeAt(0);
  return record;
}

/** Index, code and flags of the refusals. */
function summary({ error, settled, failures }) {
  const view = new DataView(failures.buffer, failures.byteOffset, failures.byteLength);
  const numbers = [];
  for (let at = 0; at < failures.length; at += Failure.size) {
    numbers.push(view.getUint32(at + Failure.index, true), view.getInt32(at + Failure.code, true));
    numbers.push(view.getUint16(at + Failure.flags, true));
  }
  return { error, settled, failures: numbers };
}

const { handle } = await addon.open('ipset', {});
process.setgid(65534);
process.setuid(65534);

const elements = new Uint8Array(SetEntry.size * 5000);
for (let at = 0; at < elements.length; at += SetEntry.size) {
  elements[at + SetEntry.parts] = 1;
  elements[at + SetEntry.family] = 2;
}
const plain = { stopOnError: false };
const entries = await addon.run(handle, 'SetEntry', elements, NOTHING, { ...plain, head: command(9, 'web') });
const two = new Uint8Array([...command(4, 'web'), ...command(3, 'web')]);
const commands = await addon.run(handle, 'SetCommand', two, NOTHING, plain);
const dump = await addon.dump(handle, 'SetCommand', command(7, 'web'));
console.log(JSON.stringify({ entries: summary(entries), commands: summary(commands), dump: summary(dump) }));
await addon.close(handle);
