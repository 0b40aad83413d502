import type { AdmCommand, ListFormat } from '../../ipvs/text/command.js';
import {
  formatConnection,
  formatConnectionTitles,
  formatDaemons,
  formatTable,
  formatTimeouts,
} from '../../ipvs/text/listing.js';
import { compareAsIpvsadm, compareServersAsIpvsadm, sortAsIpvsadm } from '../../ipvs/text/order.js';
import { formatSave } from '../../ipvs/save.js';
import type { Connection, VirtualServer } from '../../ipvs/types.js';
import { write } from './io.js';
import { message } from './messages.js';
import { complain, EXIT, type Session } from './session.js';

type ListCommand = Extract<AdmCommand, { readonly command: 'list' }>;
type Listed = Pick<VirtualServer<bigint>, keyof VirtualServer<bigint>>;

/** Connections that are printed at a time, so that their names are looked up together. */
const CONNECTIONS = 1000;

/** `-L` in all its forms. @returns the exit code */
export async function list(session: Session, command: ListCommand): Promise<number> {
  const { ipvs, io } = session;
  switch (command.view) {
    case 'timeouts':
      await write(io.stdout, formatTimeouts(await ipvs.timeouts()));
      return EXIT.done;
    case 'daemons':
      await write(io.stdout, formatDaemons(await ipvs.daemons.list()));
      return EXIT.done;
    case 'connections':
      await listConnections(session, command.format);
      return EXIT.done;
    case 'table':
      return listTable(session, command);
  }
}

async function listTable(session: Session, { service, format }: ListCommand): Promise<number> {
  const { ipvs, io, info } = session;
  const options = { bigint: true, order: 'kernel' } as const;
  let servers: readonly VirtualServer<bigint>[];
  if (service === undefined) servers = await ipvs.list(options);
  else {
    const found = await ipvs.get(service, options);
    if (found === undefined) {
      await complain(session, message('service', 'ESRCH') ?? '');
      return EXIT.absent;
    }
    servers = [found];
  }
  const names = await session.names.display(format.numeric, addressesOf(servers));
  const ordered = format.sorted ? sorted(servers) : servers;
  await write(io.stdout, formatTable(ordered, service === undefined ? info : undefined, format, names));
  return EXIT.done;
}

/** `-S`. @returns the exit code */
export async function save(session: Session, numeric: boolean): Promise<number> {
  const servers = sorted(await session.ipvs.list({ bigint: true, order: 'kernel' }));
  const names = await session.names.display(numeric, addressesOf(servers));
  await write(session.io.stdout, formatSave(servers, { names, order: 'given' }));
  return EXIT.done;
}

function sorted(servers: readonly VirtualServer<bigint>[]): readonly Listed[] {
  return sortAsIpvsadm(servers, compareAsIpvsadm).map((server) => ({
    ...server,
    realServers: sortAsIpvsadm(server.realServers, compareServersAsIpvsadm),
  }));
}

function* addressesOf(servers: Iterable<Listed>): Iterable<string> {
  for (const { address, realServers } of servers) {
    if (address !== undefined) yield address;
    for (const real of realServers) yield real.address;
  }
}

async function listConnections(session: Session, format: ListFormat): Promise<void> {
  const { ipvs, io } = session;
  let held: Connection[] = [];
  let titles = formatConnectionTitles(format);
  const print = async (): Promise<void> => {
    const ends = held.flatMap(({ client, virtual, server }) => [client, virtual, server]);
    const names = await session.names.display(
      format.numeric,
      ends.map(({ address }) => address),
    );
    const lines = held.map((connection) => formatConnection(connection, format, names));
    await write(io.stdout, titles + lines.join(''));
    titles = '';
    held = [];
  };
  for await (const connection of ipvs.connections()) {
    held.push(connection);
    if (held.length === CONNECTIONS) await print();
  }
  await print();
}
