import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isObject, type Json, objectAt } from '../../src/proxy/fields.js';

/** Paths of the kinds that a proxier watches. */
export const PATHS = {
  services: '/api/v1/services',
  slices: '/apis/discovery.k8s.io/v1/endpointslices',
  nodes: '/api/v1/nodes',
} as const;
export type Kind = keyof typeof PATHS;

interface Event {
  readonly version: number;
  readonly kind: Kind;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: Json;
}

interface Watcher {
  readonly kind: Kind;
  readonly query: URLSearchParams;
  readonly response: ServerResponse;
}

/** What was asked of the server: `list services` or `watch services`, and from which version. */
export interface Asked {
  readonly what: string;
  readonly version: string | null;
  readonly token: string | undefined;
}

const metadataOf = (object: Json): Json => objectAt(object, 'metadata', '');
const keyOf = (object: Json): string => {
  const { namespace, name } = metadataOf(object);
  return `${String(namespace)}/${String(name)}`;
};

/** Whether selectors of a query let an object through: labels that must be absent, and the name. */
function selected(object: Json, query: URLSearchParams): boolean {
  const labels = metadataOf(object)['labels'];
  const absent = (query.get('labelSelector') ?? '').split(',').filter((word) => word.startsWith('!'));
  if (isObject(labels) && absent.some((word) => Object.hasOwn(labels, word.slice(1)))) return false;
  const name = /^metadata\.name=(.*)$/.exec(query.get('fieldSelector') ?? '')?.[1];
  return name === undefined || metadataOf(object)['name'] === name;
}

/**
 * As much of a Kubernetes API server as list and watch need, over HTTP on loopback: versions, label and field selectors, bookmarks, a history
 * that can be forgotten, connections that can break, and credentials.
 */
export class FakeApiServer implements AsyncDisposable {
  readonly asked: Asked[] = [];
  /** Bearer token that is wanted; none when undefined. */
  token: string | undefined;
  /** Kinds that the user must not see. */
  readonly forbidden: Set<Kind> = new Set<Kind>();
  #server: Server | undefined;
  #port = 0;
  #version = 100;
  /** Versions up to this one are forgotten. */
  #forgotten = 0;
  readonly #objects = new Map<Kind, Map<string, Json>>();
  readonly #events: Event[] = [];
  readonly #watchers = new Set<Watcher>();

  static async start(): Promise<FakeApiServer> {
    const server = new FakeApiServer();
    await server.up();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** A kubeconfig for it. */
  kubeconfig(token?: string): string {
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'fake', cluster: { server: this.url } }],
      users: [{ name: 'proxy', user: token === undefined ? {} : { token } }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'proxy' } }],
      'current-context': 'fake',
    });
  }

  get watching(): readonly Kind[] {
    return [...this.#watchers].map(({ kind }) => kind).sort();
  }

  /** Add objects, or change them. */
  put(kind: Kind, ...objects: readonly Json[]): void {
    const known = this.#objects.get(kind) ?? new Map<string, Json>();
    this.#objects.set(kind, known);
    for (const object of objects) {
      const type = known.has(keyOf(object)) ? 'MODIFIED' : 'ADDED';
      const stored = this.#stamped(object);
      known.set(keyOf(object), stored);
      this.#happened({ version: this.#version, kind, type, object: stored });
    }
  }

  delete(kind: Kind, object: Json): void {
    this.#objects.get(kind)?.delete(keyOf(object));
    this.#happened({ version: this.#version + 1, kind, type: 'DELETED', object: this.#stamped(object) });
  }

  /** Tell everybody who watches a kind which version it is now. */
  bookmark(kind: Kind): string {
    this.#version++;
    for (const watcher of this.#watchers)
      if (watcher.kind === kind)
        this.#send(watcher, 'BOOKMARK', { metadata: { resourceVersion: String(this.#version) } });
    return String(this.#version);
  }

  /** Forget what happened until now: whoever wants to go on from there has to list everything again. */
  forget(): void {
    this.#version++;
    this.#forgotten = this.#version;
  }

  /** Break the streams of changes. */
  disconnect(): void {
    for (const { response } of this.#watchers) response.destroy();
    this.#watchers.clear();
  }

  /** End the streams of changes, as the server does after some minutes. */
  endStreams(): void {
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  /** Listen, at the same port as before. */
  async up(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    this.disconnect();
    server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  #stamped(object: Json): Json {
    this.#version++;
    return { ...object, metadata: { ...metadataOf(object), resourceVersion: String(this.#version) } };
  }

  #happened(event: Event): void {
    this.#events.push(event);
    for (const watcher of this.#watchers) this.#tell(watcher, event);
  }

  #tell(watcher: Watcher, { kind, type, object }: Event): void {
    if (watcher.kind === kind && selected(object, watcher.query)) this.#send(watcher, type, object);
  }

  #send({ response }: Watcher, type: string, object: Json): void {
    response.write(`${JSON.stringify({ type, object })}\n`);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', this.url);
    const query = url.searchParams;
    const kind = (Object.keys(PATHS) as Kind[]).find((name) => PATHS[name] === url.pathname);
    const token = request.headers.authorization?.replace(/^Bearer /, '');
    const watching = query.get('watch') === 'true';
    const refuse = (code: number, message: string): void => {
      response.writeHead(code, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ kind: 'Status', status: 'Failure', code, message }));
    };
    if (kind === undefined) {
      refuse(404, 'the server could not find the requested resource');
      return;
    }
    this.asked.push({
      what: `${watching ? 'watch' : 'list'} ${kind}`,
      version: query.get('resourceVersion'),
      token,
    });
    if (token !== this.token) {
      refuse(401, 'Unauthorized');
      return;
    }
    if (this.forbidden.has(kind)) {
      refuse(403, `${kind} is forbidden: User "proxy" cannot list it`);
      return;
    }
    response.writeHead(200, { 'Content-Type': 'application/json' });
    if (!watching) {
      const items = [...(this.#objects.get(kind)?.values() ?? [])].filter((object) =>
        selected(object, query),
      );
      response.end(JSON.stringify({ metadata: { resourceVersion: String(this.#version) }, items }));
      return;
    }
    const watcher = { kind, query, response };
    const from = Number(query.get('resourceVersion'));
    response.flushHeaders();
    if (from < this.#forgotten) {
      this.#send(watcher, 'ERROR', { kind: 'Status', code: 410, message: 'too old resource version' });
      response.end();
      return;
    }
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
    for (const event of this.#events) if (event.version > from) this.#tell(watcher, event);
  }
}
