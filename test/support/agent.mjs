/**
 * A small program that lives inside one network namespace: it serves HTTP and UDP there and sends requests from there, as the
 * parent process asks over Node's IPC. One long-lived process per namespace, because starting one per request would take most
 * of the time in an emulated machine. Plain JavaScript, so that it starts without a compiler. It ends when its parent does.
 *
 * Messages in: { id, command, ...arguments }; out: { id, result } or { id, error }.
 */
import dgram from 'node:dgram';
import http from 'node:http';
import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';

const name = process.argv[2] ?? 'unnamed';

/** `::ffff:10.0.0.1` is how a dual-stack socket shows an IPv4 peer. */
const plain = (address) => (address ?? '').replace(/^::ffff:/, '');

/** Serves HTTP: every answer says who answered and which source address it saw. */
function serveHttp({ port }) {
  const server = http.createServer((request, response) => {
    const body = JSON.stringify({
      pod: name,
      clientAddress: plain(request.socket.remoteAddress),
      serverAddress: plain(request.socket.localAddress),
      method: request.method,
      path: request.url,
    });
    // `/after/MS` takes its time. The client says whether the connection is to be kept.
    const wait = Number(/^\/after\/(\d+)$/.exec(request.url)?.[1] ?? 0);
    setTimeout(() => {
      response.writeHead(200, { 'content-type': 'application/json', connection: request.headers.connection });
      response.end(body);
    }, wait);
  });
  server.keepAliveTimeout = 0;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => resolve(null));
  });
}

/** Answers every datagram with the same facts; `path` is the datagram's text. */
async function serveUdp({ port, address }) {
  const addresses = address === undefined ? ['0.0.0.0', '::'] : [address];
  for (const local of addresses) {
    const type = local.includes(':') ? 'udp6' : 'udp4';
    const socket = dgram.createSocket({ type, ipv6Only: type === 'udp6' });
    socket.on('message', (message, from) => {
      const answer = {
        pod: name,
        clientAddress: plain(from.address),
        method: 'UDP',
        path: message.toString(),
      };
      socket.send(JSON.stringify(answer), from.port, from.address);
    });
    await new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, local, resolve);
    });
  }
  return null;
}

/** `reset`: the client breaks the connection off when it has its answer, so that nobody has to remember it for long. */
function httpOnce({ address, port, path, localAddress, timeout, reset = false }) {
  return new Promise((resolve) => {
    const headers = { connection: reset ? 'keep-alive' : 'close' };
    const request = http.get(
      { host: address, port, path, localAddress, agent: false, timeout, headers },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (part) => (body += part));
        response.on('end', () => {
          if (reset) request.socket.resetAndDestroy();
          resolve(JSON.parse(body));
        });
        response.on('error', (error) => resolve({ error: error.code ?? error.message }));
      },
    );
    request.on('timeout', () =>
      request.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })),
    );
    request.on('error', (error) => resolve({ error: error.code ?? error.message }));
  });
}

/** Connections that are held, by number. */
const held = new Map();
let lastHeld = 0;

function holdOnce({ address, port, path, localAddress, timeout }, agent) {
  return new Promise((resolve) => {
    const request = http.get({ host: address, port, path, localAddress, agent, timeout }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part) => (body += part));
      response.on('end', () => resolve({ ...JSON.parse(body), reused: request.reusedSocket }));
      response.on('error', (error) => resolve({ error: error.code ?? error.message }));
    });
    request.on('timeout', () =>
      request.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })),
    );
    request.on('error', (error) => resolve({ error: error.code ?? error.message }));
  });
}

/** Opens a connection, asks once, and keeps it. */
async function hold(target) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const answer = await holdOnce(target, agent);
  held.set(++lastHeld, { target, agent });
  return { held: lastHeld, answer };
}

/** Asks again over a connection that is held. */
function askHeld({ held: number }) {
  const { target, agent } = held.get(number);
  return holdOnce(target, agent);
}

/** Closes a connection that is held, or breaks it off. */
function release({ held: number, reset }) {
  const { agent } = held.get(number) ?? {};
  if (reset) for (const socket of Object.values(agent?.freeSockets ?? {}).flat()) socket.resetAndDestroy();
  agent?.destroy();
  held.delete(number);
  return null;
}

function udpOnce({ address, port, path, localAddress, localPort, timeout }) {
  return new Promise((resolve) => {
    const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
    let timer;
    const settle = (answer) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    timer = setTimeout(() => settle({ error: 'ETIMEDOUT' }), timeout);
    socket.on('message', (message) => settle(JSON.parse(message.toString())));
    socket.on('error', (error) => settle({ error: error.code ?? error.message }));
    socket.bind({ address: localAddress, port: localPort }, () => {
      // Connected, so that an ICMP refusal arrives as an error.
      socket.connect(port, address, (error) => {
        if (error) settle({ error: error.code ?? error.message });
        else socket.send(path);
      });
    });
  });
}

/** `count` requests one after the other, each over a connection (for UDP: a source port) of its own. */
async function request({ protocol, count, ...rest }) {
  const once = protocol === 'udp' ? udpOnce : httpOnce;
  const answers = [];
  for (let i = 0; i < count; i++) answers.push(await once(rest));
  return answers;
}

/** Loads that are under way, by number. */
const loads = new Map();
let lastLoad = 0;

/** Asks each target again and again, one request after the other, until it is told to stop. */
function load({ targets, pause }) {
  const tallies = targets.map(() => ({ by: {}, errors: [] }));
  const state = { over: false, tallies, loops: [] };
  state.loops = targets.map(async ({ protocol, ...rest }, i) => {
    const once = protocol === 'udp' ? udpOnce : httpOnce;
    while (!state.over) {
      const { pod, error } = await once(rest);
      if (error === undefined) tallies[i].by[pod] = (tallies[i].by[pod] ?? 0) + 1;
      else tallies[i].errors.push(error);
      await delay(pause);
    }
  });
  loads.set(++lastLoad, state);
  return lastLoad;
}

/** What has come of a load so far. */
function loadSoFar({ load: number }) {
  return loads.get(number).tallies;
}

/** Ends a load when its last requests are answered. */
async function stopLoad({ load: number }) {
  const state = loads.get(number);
  loads.delete(number);
  state.over = true;
  await Promise.all(state.loops);
  return state.tallies;
}

const commands = { serveHttp, serveUdp, request, hold, askHeld, release, load, loadSoFar, stopLoad };

process.on('message', async ({ id, command, ...rest }) => {
  try {
    process.send({ id, result: await commands[command](rest) });
  } catch (error) {
    process.send({ id, error: error.message });
  }
});
process.on('disconnect', () => process.exit(0));
// An interrupt of the terminal goes to the whole group; the parent decides when this one ends.
process.on('SIGINT', () => undefined);
process.send({ id: 0, result: 'ready' });
