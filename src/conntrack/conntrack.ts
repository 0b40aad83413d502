import {
  errnoName,
  NetlinkError,
  type NetlinkErrorInit,
  OutcomeUnknownError,
  PermissionError,
  UnsupportedError,
} from '../errors.js';
import { Failure } from '../native/records.js';
import { NO_COUNTERS } from '../netlink/counters.js';
import type { CallOptions, Channel, ChannelCounters, Reply } from '../netlink/types.js';
import { packDeletes, packFilter, unpackFlows } from './codec.js';
import type { Conntrack, Flow, FlowFilter } from './types.js';

const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const ENOENT = -2;
/** The error for a refused request. */
function conntrackError(
  operation: 'conntrack.list' | 'conntrack.delete',
  errno: number,
  more: Pick<NetlinkErrorInit, 'target' | 'position' | 'applied'> = {},
): NetlinkError {
  const code = errnoName(errno);
  const init = { code, errno, operation, ...more };
  if (code === 'EPERM') {
    const hint = 'needs CAP_NET_ADMIN in the user namespace that owns the network namespace';
    return new PermissionError({ ...init, meaning: 'not permitted', hint });
  }
  // nfnetlink answers EINVAL for a subsystem that it does not have.
  if (code === 'EINVAL' || code === 'EOPNOTSUPP' || code === 'EPROTONOSUPPORT') {
    const hint = 'modprobe nf_conntrack_netlink';
    return new UnsupportedError({ ...init, meaning: 'the kernel does not know this request', hint });
  }
  return new NetlinkError({ ...init, meaning: 'the kernel refused' });
}

interface Refusal {
  readonly index: number;
  readonly code: number;
}

function refusals({ failures }: Reply): Refusal[] {
  const view = new DataView(failures.buffer, failures.byteOffset, failures.byteLength);
  const out: Refusal[] = [];
  for (let at = 0; at + Failure.size <= failures.length; at += Failure.size)
    out.push({
      index: view.getUint32(at + Failure.index, LITTLE),
      code: view.getInt32(at + Failure.code, LITTLE),
    });
  return out;
}

const textOf = ({ protocol, original: { source, sourcePort, destination, destinationPort } }: Flow): string =>
  `${protocol} ${source} ${sourcePort} -> ${destination} ${destinationPort}`;

class ChannelConntrack implements Conntrack {
  #opened: Channel | undefined;

  constructor(private readonly channel: () => Promise<Channel>) {}

  async list(filter: FlowFilter = {}, options?: CallOptions): Promise<Flow[]> {
    const record = packFilter(filter);
    const channel = await this.#open();
    const reply = await channel.dump({ shape: 'ConntrackOp', record }, options);
    if (reply.error !== 0) throw conntrackError('conntrack.list', reply.error);
    return unpackFlows(reply.ConntrackFlow);
  }

  async delete(flows: Iterable<Flow>, options?: CallOptions): Promise<{ deleted: number; gone: number }> {
    const all = [...flows];
    const records = packDeletes(all);
    if (all.length === 0) return { deleted: 0, gone: 0 };
    const channel = await this.#open();
    const reply = await channel.run({ shape: 'ConntrackOp', records }, options);
    const refused = refusals(reply);
    const applied = reply.settled - refused.length;
    if (reply.error !== 0) throw conntrackError('conntrack.delete', reply.error, { applied });
    if (reply.overrun) {
      throw new OutcomeUnknownError({
        code: 'ENOBUFS',
        errno: -105,
        operation: 'conntrack.delete',
        meaning: `the kernel dropped replies; the outcome of ${all.length - reply.settled} requests is not known`,
        applied,
        hint: 'list again',
      });
    }
    const first = refused.find(({ code }) => code !== ENOENT);
    const flow = first === undefined ? undefined : all[first.index];
    if (first !== undefined && flow !== undefined)
      throw conntrackError('conntrack.delete', first.code, {
        target: textOf(flow),
        position: first.index,
        applied,
      });
    return { deleted: applied, gone: refused.length };
  }

  counters(): ChannelCounters {
    return this.#opened?.counters() ?? NO_COUNTERS;
  }

  async #open(): Promise<Channel> {
    return (this.#opened = await this.channel());
  }
}

/** Connection tracking over a channel that is opened by the first call. */
export function createConntrack(channel: () => Promise<Channel>): Conntrack {
  return new ChannelConntrack(channel);
}
