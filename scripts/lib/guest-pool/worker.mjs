// The guest's side of pool.ts: runs the tests that arrive as messages on descriptor 3 and answers on
// descriptor 4, a line of base64 each. Plain JavaScript, so that the guest compiles nothing.
import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { deserialize, serialize } from 'node:v8';
import { init, runBaseTests, setupEnvironment } from 'vitest/worker';

const exit = process.exit.bind(process); // the runtime replaces it while tests run
const lines = createInterface({ input: new Socket({ fd: 3, writable: false }) });
const output = new Socket({ fd: 4, readable: false });
const callbacks = new Map();

init({
  post: (message) => output.write(`${serialize(message).toString('base64')}\n`),
  on(callback) {
    const onLine = (line) => callback(deserialize(Buffer.from(line, 'base64')));
    callbacks.set(callback, onLine);
    lines.on('line', onLine);
  },
  off: (callback) => lines.off('line', callbacks.get(callback)),
  async runTests(state, traces) {
    try {
      await runBaseTests('run', state, traces);
    } finally {
      process.exit = exit;
    }
  },
  async collectTests(state, traces) {
    await runBaseTests('collect', state, traces);
  },
  setup: setupEnvironment,
});
lines.on('close', () => exit(0));
output.write('ready\n');
