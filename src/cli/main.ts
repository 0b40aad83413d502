#!/usr/bin/env node
import { hostname, networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { openKernel } from '../kernel/open.js';
import { runCli } from './run.js';

const interrupted = new AbortController();
// The first one lets the operation under way finish and reports; after that the default is back, and the next one ends the process.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
// `ipvs list | head` closes the pipe: nobody is left to be told.
process.stdout.on('error', () => process.exit(1));

process.exitCode = await runCli(
  process.argv.slice(2),
  {
    out: (part) => void process.stdout.write(part),
    err: (part) => void process.stderr.write(part),
    readStdin: () => text(process.stdin),
    // Standard input is opened by whoever reads it.
    streams: {
      stdout: process.stdout,
      stderr: process.stderr,
      get stdin() {
        return process.stdin;
      },
    },
    get session() {
      return { stdin: process.stdin, stdout: process.stdout };
    },
    signal: interrupted.signal,
    onHangup: (listener) => {
      process.on('SIGHUP', listener);
      return () => void process.off('SIGHUP', listener);
    },
  },
  {
    openKernel,
    hostname,
    interfaces: () =>
      Object.entries(networkInterfaces()).map(([name, addresses = []]) => ({
        name,
        addresses: addresses.map(({ address }) => address),
      })),
  },
);
