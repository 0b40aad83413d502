// Calls every export of the addon, rightly and wrongly, then exits by itself: run by scripts/asan to look for leaks.
import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const addon = createRequire(import.meta.url)('node-gyp-build')(root);

const NOTHING = new Uint8Array(0);
const plain = { stopOnError: false };

/** A record whose first field is the command. */
function record(size, command, ...bytes) {
  const out = new Uint8Array(size);
  new DataView(out.buffer).setUint32(0, command, true);
  for (const [at, value] of bytes) out[at] = value;
  return out;
}

const sizes = addon.layouts();
const ipvsOp = (command, ...bytes) => record(sizes.IpvsOp.size, command, ...bytes);
const setCommand = (command, ...bytes) =>
  record(sizes.SetCommand.size, command, [sizes.SetCommand.protocol, 7], ...bytes);
const linkOp = (command) => record(sizes.LinkOp.size, command);

/** Elements 10.0.0.0, 10.0.0.1 … */
function elements(count) {
  const { size, parts, family, ip } = sizes.SetEntry;
  const out = new Uint8Array(count * size);
  for (let i = 0; i < count; ++i) {
    out[i * size + parts] = 1;
    out[i * size + family] = 2;
    out.set([10, i >> 16, (i >> 8) & 255, i & 255], i * size + ip);
  }
  return out;
}

function misuse() {
  const calls = [
    () => addon.open('nosuch', {}),
    () => addon.open('route', { netnsPath: 1 }),
    () => addon.run({}, 'LinkOp', NOTHING, NOTHING, plain),
    () => addon.encode('IpvsOp', new Uint8Array(7), NOTHING, plain),
    () => addon.encode('SetEntry', elements(1), NOTHING, plain),
    () => addon.decode('ipvs', 'text'),
  ];
  let refused = 0;
  for (const call of calls) {
    try {
      call();
    } catch {
      ++refused;
    }
  }
  return refused === calls.length;
}

function pure() {
  const head = setCommand(9, [sizes.SetCommand.name, 97]);
  const added = addon.encode('SetEntry', elements(20_000), NOTHING, { ...plain, head }).bytes;
  addon.decode('ipset', added);
  addon.decode('ipvs', addon.encode('IpvsOp', ipvsOp(5, [sizes.IpvsOp.parts, 0x1f]), NOTHING, plain).bytes);
  addon.decode('route', addon.encode('LinkOp', linkOp(16), NOTHING, plain).bytes);
}

async function opened(subsystem, options) {
  const reply = await addon.open(subsystem, options);
  return reply.step ? null : reply.handle;
}

async function kernel() {
  const route = await opened('route', {});
  for (let i = 0; i < 50; ++i) await addon.dump(route, 'LinkOp', linkOp(18));
  await addon.dump(route, 'LinkOp', linkOp(22));
  await addon.run(route, 'LinkOp', linkOp(17), NOTHING, plain);
  addon.counters(route);
  await addon.close(route);
  await addon.close(route);
  await opened('route', { netnsPath: '/nowhere' });
  await opened('ipvs', {});
  const ipset = await opened('ipset', {});
  if (ipset) {
    // A set that does not exist: refused, with or without privilege.
    const named = setCommand(9);
    named.set(Buffer.from('ipvs-exercise'), sizes.SetCommand.name);
    await addon.run(ipset, 'SetEntry', elements(1000), NOTHING, { stopOnError: false, head: named });
    await addon.run(ipset, 'SetCommand', setCommand(1), NOTHING, plain);
    await addon.dump(ipset, 'SetCommand', setCommand(7));
  }
}

for (let round = 0; round < 5; ++round) {
  if (!misuse()) throw new Error('misuse went through');
  pure();
  await kernel();
}
// The handle of the last round was dropped without close().
for (let i = 0; i < 10; ++i) {
  globalThis.gc?.();
  await sleep(10);
}
console.log('exercised', Object.keys(addon).length, 'exports');
