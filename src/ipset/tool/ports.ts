import { icmpNumber, icmpText } from '../icmp.js';
import { ICMP, ICMPV6, hasPorts, protocolNumber, protocolText, TCP, UDP } from '../protocols.js';
import { rangeAt, separatorAt, unbracketed, unclosed } from './address.js';
import { andThen, syntaxError, ToolError } from './error.js';
import type { ToolNames } from './names.js';
import { number } from './numbers.js';

/** A port of a command line, or a range of them. */
export interface ToolPort {
  readonly protocol: number;
  readonly port: number;
  readonly portTo: number | undefined;
}

/** `[PROTO:]PORT[-PORT]`, TCP's when nothing is said; ICMP by type and code; other protocols with port 0. @throws ToolError */
export function parseProtocolPort(text: string, ipv6: boolean | undefined, names: ToolNames): ToolPort {
  const colon = separatorAt(text, ':');
  if (colon < 0) return { protocol: TCP, ...parsePorts(text, 'tcp', names) };
  const word = text.slice(0, colon);
  const rest = text.slice(colon + 1);
  const protocol = parseProtocol(word);
  if (hasPorts(protocol)) return { protocol, ...parsePorts(rest, word, names) };
  if (protocol === ICMP || protocol === ICMPV6) {
    const v6 = protocol === ICMPV6;
    if (ipv6 !== v6) {
      throw syntaxError(
        `Protocol ${v6 ? 'ICMPv6' : 'ICMP'} can be used with family ${v6 ? 'inet6' : 'inet'} only`,
      );
    }
    return { protocol, port: parseIcmp(rest, v6), portTo: undefined };
  }
  if (rest !== '0') throw syntaxError(`Protocol ${word} can be used with pseudo port value 0 only.`);
  return { protocol, port: 0, portTo: undefined };
}

/** Where the protocol only says whose names the ports have: TCP's or UDP's. @throws ToolError */
export function parseNeutralPort(text: string, names: ToolNames): ToolPort {
  // The tool dies of ICMP here.
  const parsed = parseProtocolPort(text, undefined, names);
  if (parsed.protocol !== TCP && parsed.protocol !== UDP)
    throw syntaxError('Only protocols TCP and UDP are valid');
  return parsed;
}

function parseProtocol(text: string): number {
  // /etc/protocols has each name once in its own case and once in capitals.
  if (text === text.toLowerCase() || text === text.toUpperCase() || text.toLowerCase() === 'icmpv6') {
    if (/^(?:ip|hopopt)$/i.test(text)) throw syntaxError(`Unsupported protocol '${text}'`);
    if (/^\d+$/.test(text)) {
      if (Number(text) <= 255) return Number(text);
    } else {
      const known = protocolNumber(text);
      if (known !== undefined) return known;
    }
  }
  throw syntaxError(`cannot parse '${text}' as a protocol`);
}

function parsePorts(text: string, protocol: string, names: ToolNames): Omit<ToolPort, 'protocol'> {
  const dash = rangeAt(text);
  if (dash < 0) return { port: parsePort(text, protocol, names), portTo: undefined };
  const portTo = parsePort(text.slice(dash + 1), protocol, names);
  return { port: parsePort(text.slice(0, dash), protocol, names), portTo };
}

/** A number, or the name of a service. @throws ToolError that says all that was tried */
export function parsePort(text: string, protocol: string, names: ToolNames): number {
  try {
    return number(text, 0, 65_535);
  } catch (err) {
    const failed = `cannot parse '${text}' as a ${protocol} port`;
    if (text.startsWith('[') && !text.endsWith(']')) throw andThen(unclosed(text), failed);
    const numeric = /^\d+$/.test(protocol);
    const port = names.port(
      unbracketed(text),
      numeric ? protocolText(Number(protocol)) : protocol.toLowerCase(),
    );
    if (port !== undefined) return port;
    throw andThen(numeric ? err : andThen(err, `Syntax error: '${protocol}' is invalid as number`), failed);
  }
}

/** Other spellings that the tool reads and never prints. */
const ICMP_ALIASES: Readonly<Record<string, string>> = {
  ping: 'echo-request',
  pong: 'echo-reply',
  'neigbour-solicitation': 'neighbour-solicitation',
  'neigbour-advertisement': 'neighbour-advertisement',
};

function parseIcmp(text: string, ipv6: boolean): number {
  const lower = text.toLowerCase();
  const slash = separatorAt(text, '/');
  if (slash < 0) {
    const named = icmpNumber(ICMP_ALIASES[lower] ?? lower, ipv6);
    if (named !== undefined) return named;
    throw new ToolError('syntax', `Cannot parse ${text} as an ${ipv6 ? 'ICMPv6' : 'ICMP'} type/code.`);
  }
  return number(text.slice(0, slash), 0, 255) * 256 + number(text.slice(slash + 1), 0, 255);
}

/** `tcp:80`, `icmp:echo-request`, `gre:0`, as listings have it. */
export function portText({ protocol, port, portTo }: ToolPort): string {
  if (protocol === ICMP || protocol === ICMPV6) {
    return `${protocolText(protocol)}:${icmpText(port, protocol === ICMPV6)}`;
  }
  const range = portTo === undefined ? '' : `-${portTo}`;
  return `${protocol === 0 ? 'ip' : protocolText(protocol)}:${port}${range}`;
}
