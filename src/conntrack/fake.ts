import { ClosedError } from '../errors.js';
import { ConntrackFlow, ConntrackOp, Failure, FlowParts } from '../native/records.js';
import type {
  CallOptions,
  Channel,
  ChannelCounters,
  DumpRequest,
  Reply,
  RunRequest,
} from '../netlink/types.js';
import { packFlow } from './codec.js';
import type { Flow } from './types.js';

/** A conntrack channel in memory. Flows come from tests, since a fake has no traffic. */
export interface FakeConntrackChannel extends Channel {
  /** Does the kernel have nf_conntrack_netlink? Default true. */
  supported: boolean;
  /** Pretend that there is a flow. */
  addFlow(flow: Pick<Flow, 'family' | 'protocol' | 'original' | 'reply'> & Partial<Flow>): void;
  /** How many flows there are. */
  readonly flows: number;
}

const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const EINVAL = -22;
const ENOENT = -2;
const NOTHING = new Uint8Array(0);

type FlowField =
  'source' | 'destination' | 'replySource' | 'sourcePort' | 'destinationPort' | 'replySourcePort';
const WIDTH: Readonly<Record<FlowField, number>> = {
  source: 16,
  destination: 16,
  replySource: 16,
  sourcePort: 2,
  destinationPort: 2,
  replySourcePort: 2,
};
const FIELDS = Object.keys(WIDTH) as FlowField[];

/** Whether a request and a flow have the same in a field: both keep it in the same form. */
function same(op: Uint8Array, flow: Uint8Array, field: FlowField): boolean {
  for (let i = 0; i < WIDTH[field]; i++)
    if (op[ConntrackOp[field] + i] !== flow[ConntrackFlow[field] + i]) return false;
  return true;
}

const u32 = (record: Uint8Array, at: number): number =>
  new DataView(record.buffer, record.byteOffset, record.byteLength).getUint32(at, LITTLE);

class FakeConntrack implements FakeConntrackChannel {
  readonly subsystem = 'conntrack';
  supported = true;
  #flows: Uint8Array[] = [];
  #nextId = 1;
  #closed = false;
  #messages = 0;
  #dumps = 0;

  get flows(): number {
    return this.#flows.length;
  }

  addFlow(flow: Parameters<FakeConntrackChannel['addFlow']>[0]): void {
    const id = this.#nextId++;
    this.#flows.push(packFlow({ zone: 0, mark: 0, timeoutSeconds: 30, status: 0x8, id, ...flow }));
  }

  async dump({ record }: DumpRequest, options?: CallOptions): Promise<Reply> {
    await this.#enter(options);
    this.#messages++;
    this.#dumps++;
    if (!this.supported) return this.#reply(EINVAL, 1, []);
    const parts = u32(record, ConntrackOp.parts);
    const asked = (at: number, flow: Uint8Array, in_: number): boolean =>
      record[at] === 0 || record[at] === flow[in_];
    const found = this.#flows.filter(
      (flow) =>
        asked(ConntrackOp.family, flow, ConntrackFlow.family) &&
        asked(ConntrackOp.protocol, flow, ConntrackFlow.protocol) &&
        FIELDS.every((field) => (parts & FlowParts[field]) === 0 || same(record, flow, field)),
    );
    return { ...this.#reply(0, 1, []), ConntrackFlow: new Uint8Array(Buffer.concat(found)) };
  }

  async run({ records, stopOnError }: RunRequest, options?: CallOptions): Promise<Reply> {
    await this.#enter(options);
    const refused: { index: number; code: number }[] = [];
    let index = 0;
    for (let at = 0; at < records.length; at += ConntrackOp.size, index++) {
      this.#messages++;
      const code = this.supported ? this.#delete(records.subarray(at, at + ConntrackOp.size)) : EINVAL;
      if (code !== 0) refused.push({ index, code });
      if (code !== 0 && stopOnError === true) return this.#reply(0, index + 1, refused);
    }
    return this.#reply(0, index, refused);
  }

  counters(): ChannelCounters {
    const sockets = this.#closed ? 0 : 1;
    return {
      sends: this.#messages,
      receives: this.#messages,
      messages: this.#messages,
      bytesSent: 0,
      bytesReceived: 0,
      dumps: this.#dumps,
      overruns: 0,
      sockets,
    };
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #delete(op: Uint8Array): number {
    const at = this.#flows.findIndex(
      (flow) =>
        op[ConntrackOp.family] === flow[ConntrackFlow.family] &&
        op[ConntrackOp.protocol] === flow[ConntrackFlow.protocol] &&
        (['source', 'destination', 'sourcePort', 'destinationPort'] as const).every((field) =>
          same(op, flow, field),
        ),
    );
    const flow = this.#flows[at];
    const id = u32(op, ConntrackOp.id);
    if (flow === undefined || (id !== 0 && id !== u32(flow, ConntrackFlow.id))) return ENOENT;
    this.#flows.splice(at, 1);
    return 0;
  }

  async #enter(options: CallOptions | undefined): Promise<void> {
    await Promise.resolve();
    if (this.#closed) throw new ClosedError('conntrack channel');
    options?.signal?.throwIfAborted();
  }

  #reply(error: number, settled: number, refused: readonly { index: number; code: number }[]): Reply {
    const failures = new Uint8Array(refused.length * Failure.size);
    const view = new DataView(failures.buffer);
    for (const [i, { index, code }] of refused.entries()) {
      view.setUint32(i * Failure.size + Failure.index, index, LITTLE);
      view.setInt32(i * Failure.size + Failure.code, code, LITTLE);
    }
    return { settled, overrun: false, error, interrupted: false, failures, heap: NOTHING };
  }
}

/** A conntrack table in memory, empty. */
export function fakeConntrackChannel(): FakeConntrackChannel {
  return new FakeConntrack();
}
