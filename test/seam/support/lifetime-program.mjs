// Run by ../lifetime.test.ts in a process of its own: prints what it saw as JSON.
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const file = fileURLToPath(import.meta.url);
const addon = createRequire(import.meta.url)('node-gyp-build')(resolve(dirname(file), '../../..'));

const LIST_LINKS = new Uint8Array(72);
new DataView(LIST_LINKS.buffer).setUint32(0, 18, true);

/** Descriptors of this process by what they are. */
function descriptors(kind) {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(kind);
    } catch {
      return false;
    }
  }).length;
}

/** Node itself may have sockets on its standard streams: only the difference counts. */
const atStart = descriptors('socket:');
const sockets = () => descriptors('socket:') - atStart;

async function open(options = {}) {
  const { handle, step, errno } = await addon.open('route', options);
  if (step) throw new Error(`${step} ${errno}`);
  return handle;
}

async function collectGarbage(until) {
  for (let i = 0; i < 50 && !until(); ++i) {
    globalThis.gc();
    await sleep(10);
  }
}

const parts = {
  async close() {
    const before = sockets();
    const handles = [];
    for (let i = 0; i < 10; ++i) handles.push(await open());
    await Promise.all(handles.map((handle) => addon.dump(handle, 'LinkOp', LIST_LINKS)));
    const during = sockets();
    await Promise.all(handles.map((handle) => addon.close(handle)));
    return { before, open: during, after: sockets() };
  },

  async drop() {
    const before = sockets();
    await (async () => {
      for (let i = 0; i < 10; ++i) await addon.dump(await open(), 'LinkOp', LIST_LINKS);
    })();
    await collectGarbage(() => sockets() === before);
    return { before, after: sockets() };
  },

  async netnsFd() {
    const namespaces = () => descriptors('net:');
    const before = namespaces();
    const fd = openSync('/proc/self/ns/net', 'r');
    const opening = addon.open('route', { netnsFd: fd });
    closeSync(fd);
    const { handle, step } = await opening;
    // Entering a namespace, one's own too, takes CAP_SYS_ADMIN: without it, the descriptor is let go of just the same.
    if (!step) await addon.close(handle);
    return { namespaces: namespaces() - before };
  },

  async workers() {
    const workers = Array.from({ length: 8 }, () => new Worker(file, { workerData: 'worker' }));
    const counts = await Promise.all(
      workers.map((w) => new Promise((done, fail) => w.on('message', done).on('error', fail))),
    );
    await Promise.all(workers.map((w) => w.terminate()));
    return { replies: counts.reduce((sum, n) => sum + n, 0), sockets: sockets() };
  },

  async terminate() {
    let ended = 0;
    for (let round = 0; round < 4; ++round) {
      const workers = Array.from({ length: 4 }, () => new Worker(file, { workerData: 'busy' }));
      await Promise.all(workers.map((w) => new Promise((done) => w.once('message', done))));
      await sleep(round * 3);
      await Promise.all(workers.map((w) => w.terminate()));
      ended += workers.length;
    }
    return { ended, sockets: sockets() };
  },

  async foreign() {
    const worker = new Worker(file, { workerData: 'busy' });
    await new Promise((done) => worker.once('message', done));
    try {
      worker.postMessage(await open());
      return { error: null };
    } catch (err) {
      return { error: err.name };
    } finally {
      await worker.terminate();
    }
  },

  async exit() {
    const handle = await open();
    process.stdout.write(JSON.stringify({ exiting: true }));
    void addon.dump(handle, 'LinkOp', LIST_LINKS);
    void addon.open('route', {});
    process.exit(0);
  },
};

const inWorker = {
  async worker() {
    const handle = await open();
    let replies = 0;
    for (let i = 0; i < 10; ++i) {
      const { error } = await addon.dump(handle, 'LinkOp', LIST_LINKS);
      if (error === 0) ++replies;
    }
    await addon.close(handle);
    parentPort.postMessage(replies);
  },
  async busy() {
    const handle = await open();
    parentPort.postMessage('ready');
    for (;;) await addon.dump(handle, 'LinkOp', LIST_LINKS);
  },
};

if (isMainThread) console.log(JSON.stringify(await parts[process.argv[2]]()));
else await inWorker[workerData]();
