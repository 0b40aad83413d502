import { type Socket, createServer } from 'node:net';
import { join } from 'node:path';

/** Our end of one of the guest's ports: QEMU connects to it when it starts. */
export interface Port {
  readonly name: string;
  readonly socket: string;
  readonly connected: Promise<Socket>;
  close(): void;
}

/** Listens for QEMU on a socket in the folder. */
export async function openPort(folder: string, name: string): Promise<Port> {
  const socket = join(folder, `${name}.sock`);
  const server = createServer({ allowHalfOpen: true });
  const connected = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, resolve);
  });
  return { name, socket, connected, close: () => server.close() };
}

/** Calls back for every line that arrives. */
export function onLine(socket: Socket, callback: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) callback(line.trim());
  });
}

/** Settles when the socket's other end is gone and everything it sent has been read. */
export function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readableEnded || socket.destroyed) resolve();
    else for (const event of ['end', 'close', 'error']) socket.once(event, () => resolve());
  });
}
