import { ValidationError } from '../errors.js';
import { parseAddress } from '../net/address.js';
import { among, inNetwork, numberMatch } from './filter.js';
import { at, booleanAt, checkKeys, isObject } from './objects.js';
import type { Connection, ConnectionEnd, ConnectionFilter } from './types.js';

const KEYS = ['protocol', 'client', 'virtual', 'server', 'state', 'template', 'where'] as const;

/** A filter as a function; undefined for none. @throws ValidationError naming `path` */
export function parseConnectionFilter(
  filter: ConnectionFilter | undefined,
  path: string,
): ((connection: Connection) => boolean) | undefined {
  const value: unknown = filter;
  if (value === undefined) return undefined;
  if (!isObject(value)) throw new ValidationError(path, `an object with ${KEYS.join(', ')}`, value);
  checkKeys(value, KEYS, path);
  const protocol = among(
    value['protocol'],
    at(path, 'protocol'),
    word((text) => text.toLowerCase()),
  );
  const state = among(
    value['state'],
    at(path, 'state'),
    word((text) => text.toUpperCase()),
  );
  const client = endAt(value['client'], at(path, 'client'));
  const virtual = endAt(value['virtual'], at(path, 'virtual'));
  const server = endAt(value['server'], at(path, 'server'));
  const template =
    value['template'] === undefined ? undefined : booleanAt(value['template'], at(path, 'template'));
  const where = value['where'];
  if (where !== undefined && typeof where !== 'function') {
    throw new ValidationError(at(path, 'where'), 'a function', where);
  }
  const predicate = where as ((connection: Connection) => unknown) | undefined;
  return (connection) =>
    protocol?.(connection.protocol) !== false &&
    state?.(connection.state) !== false &&
    (template === undefined || template === connection.template) &&
    client?.(connection.client) !== false &&
    virtual?.(connection.virtual) !== false &&
    server?.(connection.server) !== false &&
    (predicate === undefined || predicate(connection) === true);
}

function word(normal: (text: string) => string) {
  return (value: unknown, path: string): ((given: string) => boolean) => {
    if (typeof value !== 'string' || value === '') throw new ValidationError(path, 'a word', value);
    const wanted = normal(value);
    return (given) => given === wanted;
  };
}

function endAt(value: unknown, path: string): ((end: ConnectionEnd) => boolean) | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) throw new ValidationError(path, 'an object with address, port', value);
  checkKeys(value, ['address', 'port'], path);
  const address = among(value['address'], at(path, 'address'), inNetwork);
  const port = among(value['port'], at(path, 'port'), (one, where) => numberMatch(one, 0, 65535, where));
  return (end) =>
    port?.(end.port) !== false && address?.(parseAddress(end.address, 'address').bytes) !== false;
}
