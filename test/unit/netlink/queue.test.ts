import { describe, expect, it } from 'vitest';
import { Queue } from '../../../src/netlink/queue.js';
import { rejection } from '../../support/rejection.js';

/** A task that ends when it is told to. */
function gate(): {
  readonly task: () => Promise<string>;
  readonly open: () => void;
  readonly started: () => boolean;
} {
  let open = (): void => undefined;
  let started = false;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const task = async (): Promise<string> => {
    started = true;
    await opened;
    return 'done';
  };
  return { task, open: () => open(), started: () => started };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Queue', () => {
  it('runs one task at a time, in the order of the calls', async () => {
    const queue = new Queue();
    const seen: string[] = [];
    const task = (name: string) => async (): Promise<void> => {
      seen.push(`${name} starts`);
      await turn();
      seen.push(`${name} ends`);
    };
    await Promise.all([queue.add(task('a')), queue.add(task('b')), queue.add(task('c'))]);
    expect(seen).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
  });

  it('goes on after a task that failed', async () => {
    const queue = new Queue();
    const failing = queue.add(() => Promise.reject(new Error('no')));
    const next = queue.add(() => Promise.resolve('yes'));
    expect(await rejection(failing)).toMatchObject({ message: 'no' });
    expect(await next).toBe('yes');
  });

  it('does not start a task whose signal has fired already', async () => {
    const queue = new Queue();
    const reason = new Error('too late');
    let ran = false;
    const added = queue.add(() => Promise.resolve((ran = true)), AbortSignal.abort(reason));
    expect(await rejection(added)).toBe(reason);
    await queue.drained();
    expect(ran).toBe(false);
  });

  it('drops a waiting task at once when its signal fires, and keeps the others', async () => {
    const queue = new Queue();
    const first = gate();
    const second = gate();
    const controller = new AbortController();
    const running = queue.add(first.task);
    const dropped = queue.add(second.task, controller.signal);
    const third = queue.add(() => Promise.resolve('third'));
    controller.abort('enough');
    await expect(dropped).rejects.toBe('enough');
    first.open();
    expect(await running).toBe('done');
    expect(await third).toBe('third');
    expect(second.started()).toBe(false);
  });

  it('lets a running task end by itself', async () => {
    const queue = new Queue();
    const only = gate();
    const controller = new AbortController();
    const running = queue.add(only.task, controller.signal);
    await turn();
    controller.abort();
    only.open();
    expect(await running).toBe('done');
  });

  it('is drained when everything that was added has ended', async () => {
    const queue = new Queue();
    const only = gate();
    let drained = false;
    const running = queue.add(only.task);
    const waiting = queue.drained().then(() => (drained = true));
    await turn();
    expect(drained).toBe(false);
    only.open();
    await Promise.all([running, waiting]);
    expect(drained).toBe(true);
  });
});
