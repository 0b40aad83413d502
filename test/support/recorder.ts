import type { Log, LogFields, Sink } from '../../src/watch/types.js';
import type { NodeObject } from '../../src/watch/node-object.js';

/** A sink that keeps what it was told, in words: `replace web | web-1`, `upsert Service web`. */
export class Recorder implements Sink {
  readonly told: string[] = [];
  readonly log: string[] = [];
  readonly times: number[] = [];
  node: NodeObject | undefined;
  /** What was given whole; the same objects as before when nothing changed about them. */
  services: unknown[] = [];

  readonly logger: Log = {
    info: (message: string, fields?: LogFields) => void this.log.push(this.#line('info', message, fields)),
    warn: (message: string, fields?: LogFields) => void this.log.push(this.#line('warn', message, fields)),
    error: (message: string, fields?: LogFields) => void this.log.push(this.#line('error', message, fields)),
  };

  readonly replace: Sink['replace'] = (services, slices) => {
    const all = [...services];
    this.services = all;
    this.told.push(
      `replace ${all.map(({ name }) => name).join(' ')} | ${[...slices].map(({ name }) => name).join(' ')}`,
    );
  };
  readonly upsertService: Sink['upsertService'] = ({ name }) => void this.told.push(`upsert Service ${name}`);
  readonly removeService: Sink['removeService'] = ({ name }) => void this.told.push(`remove Service ${name}`);
  readonly upsertSlice: Sink['upsertSlice'] = ({ name, endpoints }) =>
    void this.told.push(`upsert slice ${name} ${endpoints.map(({ address }) => address).join(' ')}`);
  readonly removeSlice: Sink['removeSlice'] = ({ name }) => void this.told.push(`remove slice ${name}`);
  readonly setNode: Sink['setNode'] = (node) => {
    this.node = node;
    this.told.push(`node ${node?.name ?? 'absent'}`);
  };
  readonly endpointsChanged: Sink['endpointsChanged'] = (at) => void this.times.push(at);

  /** Told since the last call. */
  take(): string[] {
    return this.told.splice(0);
  }

  #line(level: string, message: string, fields: LogFields = {}): string {
    return [level, message, ...Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`)].join(
      ' ',
    );
  }
}
