import { ProtocolError } from '../../errors.js';
import { formatAddress } from '../../net/address.js';
import type { Connection, ConnectionEnd } from '../types.js';

/**
 * Reads the text of /proc/net/ip_vs_conn (ip_vs_conn.c, `ip_vs_conn_seq_show`):
 *
 *     Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
 *     TCP 0A010001 C350 0A000001 0050 0A010002 1F90 ESTABLISHED     899
 *     UDP 0A010001 8235 0A000001 13C4 0A010002 13C4 UDP             300 sip 123456789@10.0.0.1
 *
 * IPv4 addresses are eight hexadecimal digits, IPv6 ones the uncompressed text; ports are hexadecimal, seconds decimal. Text may
 * come in pieces that end anywhere.
 */
export class ConnectionTableReader {
  #rest = '';
  #line = 0;

  /** Connections on the lines that `text` completes. @throws ProtocolError for a line that is none */
  push(text: string): readonly Connection[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.#read(line));
  }

  /** The connection on a last line that has no end. @throws ProtocolError, also for a table without its titles */
  end(): readonly Connection[] {
    const last = this.#rest === '' ? [] : this.#read(this.#rest);
    if (this.#line === 0) throw malformed('', 1);
    return last;
  }

  #read(line: string): readonly Connection[] {
    this.#line++;
    if (this.#line === 1) {
      if (!line.startsWith('Pro ')) throw malformed(line, 1);
      return [];
    }
    return [parseConnection(line) ?? fail(malformed(line, this.#line))];
  }
}

function fail(error: Error): never {
  throw error;
}

function malformed(line: string, number: number): ProtocolError {
  return new ProtocolError({
    code: 'EPROTO',
    errno: -71,
    operation: 'ipvs.connections',
    target: `/proc/net/ip_vs_conn line ${String(number)}`,
    meaning: `not a line of the connection table: ${JSON.stringify(line)}`,
  });
}

/** One line; undefined when it is not one of the table. */
export function parseConnection(line: string): Connection | undefined {
  const [protocol, from, fromPort, to, toPort, server, serverPort, state, expires, engine, ...data] = line
    .trim()
    .split(/ +/);
  const [client, virtual, destination] = [
    connectionEnd(from, fromPort),
    connectionEnd(to, toPort),
    connectionEnd(server, serverPort),
  ];
  if (protocol === undefined || state === undefined || expires === undefined || !/^\d+$/.test(expires)) {
    return undefined;
  }
  if (client === undefined || virtual === undefined || destination === undefined) return undefined;
  return {
    protocol: protocol.toLowerCase(),
    client,
    virtual,
    server: destination,
    state,
    expires: Number(expires),
    template: client.port === 0 && (state === 'NONE' || state === 'ASSURED'),
    ...(engine === undefined || data.length === 0 ? {} : { engine: { name: engine, data: data.join(' ') } }),
  };
}

function connectionEnd(address: string | undefined, port: string | undefined): ConnectionEnd | undefined {
  if (address === undefined || port === undefined || !/^[0-9A-Fa-f]{4}$/.test(port)) return undefined;
  const bytes = Buffer.from(address.replaceAll(':', ''), 'hex');
  if (/^[0-9A-Fa-f]{8}$/.test(address)) return end(bytes, 'inet', port);
  return /^(?:[0-9A-Fa-f]{4}:){7}[0-9A-Fa-f]{4}$/.test(address) ? end(bytes, 'inet6', port) : undefined;
}

function end(bytes: Uint8Array, family: 'inet' | 'inet6', port: string): ConnectionEnd {
  return { address: formatAddress(bytes, family), port: Number.parseInt(port, 16) };
}
