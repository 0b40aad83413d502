import { ValidationError } from '../errors.js';

/** The transport protocols that IPVS balances. */
export type Protocol = 'tcp' | 'udp' | 'sctp';

/** IANA protocol numbers. */
export const PROTOCOL_NUMBER: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

const BY_NUMBER: ReadonlyMap<number, Protocol> = new Map([
  [6, 'tcp'],
  [17, 'udp'],
  [132, 'sctp'],
]);

/** `tcp` for 6, undefined for a protocol that IPVS does not balance. */
export function protocolName(number: number): Protocol | undefined {
  return BY_NUMBER.get(number);
}

/** Accepts `tcp`, `TCP` … @throws ValidationError naming `path`. */
export function parseProtocol(value: unknown, path: string): Protocol {
  const text = typeof value === 'string' ? value.toLowerCase() : undefined;
  if (text === 'tcp' || text === 'udp' || text === 'sctp') return text;
  throw new ValidationError(path, 'one of tcp, udp, sctp', value);
}
