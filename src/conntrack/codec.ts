import { ValidationError } from '../errors.js';
import { AF, type Family, familyOf, formatAddress, parseAddress } from '../net/address.js';
import { integerIn } from '../net/number.js';
import { PROTOCOL_NUMBER, parseProtocol, protocolName } from '../net/protocol.js';
import { ConntrackFlow, ConntrackOp, FlowParts } from '../native/records.js';
import type { Flow, FlowFilter } from './types.js';

/** Requests of ctnetlink: linux/netfilter/nfnetlink_conntrack.h. */
export const CT = { get: 1, delete: 2 } as const;

const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
/** Protocols whose flows are told apart by ports: TCP, UDP, DCCP, SCTP, UDP-Lite. */
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);

/** A listing's ConntrackOp record. @throws ValidationError */
export function packFilter(filter: FlowFilter): Uint8Array {
  const out = new Uint8Array(ConntrackOp.size);
  const view = new DataView(out.buffer);
  let family: Family | undefined = filter.family;
  let parts = 0;
  const address = (name: 'source' | 'destination' | 'replySource'): void => {
    const text = filter[name];
    if (text === undefined) return;
    const parsed = parseAddress(text, `filter.${name}`, family);
    family = parsed.family;
    out.set(parsed.bytes, ConntrackOp[name]);
    parts |= FlowParts[name];
  };
  const port = (name: 'sourcePort' | 'destinationPort' | 'replySourcePort'): void => {
    const value = filter[name];
    if (value === undefined) return;
    view.setUint16(ConntrackOp[name], integerIn(value, 0, 65535, `filter.${name}`), LITTLE);
    parts |= FlowParts[name];
  };
  for (const name of ['source', 'destination', 'replySource'] as const) address(name);
  for (const name of ['sourcePort', 'destinationPort', 'replySourcePort'] as const) port(name);
  view.setUint32(ConntrackOp.command, CT.get, LITTLE);
  view.setUint32(ConntrackOp.parts, parts, LITTLE);
  if (family !== undefined) out[ConntrackOp.family] = AF[family];
  if (filter.protocol !== undefined)
    out[ConntrackOp.protocol] = PROTOCOL_NUMBER[parseProtocol(filter.protocol, 'filter.protocol')];
  return out;
}

/** ConntrackOp records that delete flows. @throws ValidationError */
export function packDeletes(flows: readonly Flow[]): Uint8Array {
  const out = new Uint8Array(flows.length * ConntrackOp.size);
  const view = new DataView(out.buffer);
  for (const [i, { family, protocol, original, zone, id }] of flows.entries()) {
    const at = i * ConntrackOp.size;
    const number = typeof protocol === 'number' ? protocol : PROTOCOL_NUMBER[protocol];
    if (!WITH_PORTS.has(number))
      throw new ValidationError(`flows[${i}].protocol`, 'a protocol with ports', protocol);
    view.setUint32(at + ConntrackOp.command, CT.delete, LITTLE);
    out[at + ConntrackOp.family] = AF[family];
    out[at + ConntrackOp.protocol] = number;
    view.setUint16(at + ConntrackOp.zone, integerIn(zone, 0, 65535, `flows[${i}].zone`), LITTLE);
    view.setUint32(at + ConntrackOp.id, id, LITTLE);
    for (const name of ['source', 'destination'] as const) {
      const { bytes } = parseAddress(original[name], `flows[${i}].original.${name}`, family);
      out.set(bytes, at + ConntrackOp[name]);
    }
    for (const name of ['sourcePort', 'destinationPort'] as const) {
      const port = integerIn(original[name], 0, 65535, `flows[${i}].original.${name}`);
      view.setUint16(at + ConntrackOp[name], port, LITTLE);
    }
  }
  return out;
}

/** Flows of a reply. Those of other families than IPv4 and IPv6 are left out. */
export function unpackFlows(table: Uint8Array | undefined): Flow[] {
  if (table === undefined) return [];
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const flows: Flow[] = [];
  for (let at = 0; at + ConntrackFlow.size <= table.length; at += ConntrackFlow.size) {
    const family = familyOf(table[at + ConntrackFlow.family] ?? 0);
    if (family === undefined) continue;
    const number = table[at + ConntrackFlow.protocol] ?? 0;
    const u16 = (offset: number): number => view.getUint16(at + offset, LITTLE);
    const u32 = (offset: number): number => view.getUint32(at + offset, LITTLE);
    const address = (offset: number): string => formatAddress(table, family, at + offset);
    flows.push({
      family,
      protocol: protocolName(number) ?? number,
      original: {
        source: address(ConntrackFlow.source),
        sourcePort: u16(ConntrackFlow.sourcePort),
        destination: address(ConntrackFlow.destination),
        destinationPort: u16(ConntrackFlow.destinationPort),
      },
      reply: {
        source: address(ConntrackFlow.replySource),
        sourcePort: u16(ConntrackFlow.replySourcePort),
        destination: address(ConntrackFlow.replyDestination),
        destinationPort: u16(ConntrackFlow.replyDestinationPort),
      },
      zone: u16(ConntrackFlow.zone),
      mark: u32(ConntrackFlow.mark),
      timeoutSeconds: u32(ConntrackFlow.timeout),
      status: u32(ConntrackFlow.status),
      id: u32(ConntrackFlow.id),
    });
  }
  return flows;
}

/** A flow as a ConntrackFlow record: what the fake answers. */
export function packFlow(flow: Flow): Uint8Array {
  const out = new Uint8Array(ConntrackFlow.size);
  const view = new DataView(out.buffer);
  const { family, protocol, original, reply } = flow;
  view.setUint32(ConntrackFlow.id, flow.id, LITTLE);
  view.setUint32(ConntrackFlow.status, flow.status, LITTLE);
  view.setUint32(ConntrackFlow.mark, flow.mark, LITTLE);
  view.setUint32(ConntrackFlow.timeout, flow.timeoutSeconds, LITTLE);
  out[ConntrackFlow.family] = AF[family];
  out[ConntrackFlow.protocol] = typeof protocol === 'number' ? protocol : PROTOCOL_NUMBER[protocol];
  view.setUint16(ConntrackFlow.zone, flow.zone, LITTLE);
  view.setUint16(ConntrackFlow.sourcePort, original.sourcePort, LITTLE);
  view.setUint16(ConntrackFlow.destinationPort, original.destinationPort, LITTLE);
  view.setUint16(ConntrackFlow.replySourcePort, reply.sourcePort, LITTLE);
  view.setUint16(ConntrackFlow.replyDestinationPort, reply.destinationPort, LITTLE);
  out.set(parseAddress(original.source, 'original.source', family).bytes, ConntrackFlow.source);
  out.set(
    parseAddress(original.destination, 'original.destination', family).bytes,
    ConntrackFlow.destination,
  );
  out.set(parseAddress(reply.source, 'reply.source', family).bytes, ConntrackFlow.replySource);
  out.set(parseAddress(reply.destination, 'reply.destination', family).bytes, ConntrackFlow.replyDestination);
  return out;
}
