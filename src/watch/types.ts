import type { ObjectRef } from '../proxier/index.js';
import type { EndpointSlice, Service } from '../proxy/index.js';
import type { NodeObject } from './node-object.js';

/** Who is told what there is, and what becomes of it. A `Proxier` is one, but for the node and the times. */
export interface Sink {
  /** These are all Services and slices there are. Comes first, when everything was read once. */
  replace(services: Iterable<Service>, slices: Iterable<EndpointSlice>): void;
  upsertService(service: Service): void;
  removeService(ref: ObjectRef): void;
  upsertSlice(slice: EndpointSlice): void;
  removeSlice(ref: ObjectRef): void;
  /** The Node object as it is now; undefined: there is none. Not called by sources that know none. */
  setNode(node: NodeObject | undefined): void;
  /** What the next slices say happened at that time, in milliseconds since the epoch. */
  endpointsChanged(at: number): void;
}

/** Values beside a message. Undefined ones are left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where a long-running command says what happens. */
export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Something that knows which Services and EndpointSlices there are. */
export interface Source {
  /** Where they come from, in words: `the API server https://192.0.2.1:6443`. */
  readonly description: string;
  /**
   * Tell a sink what there is, and then what changes, until the signal is aborted. What cannot be read later on keeps what was known, and is
   * said in the log.
   * @throws what cannot be read the first time, where waiting would not mend it.
   */
  run(sink: Sink, signal: AbortSignal): Promise<void>;
  /** Look again now. */
  reload(): void;
}
