import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import https, { type RequestOptions } from 'node:https';
import { json, text } from 'node:stream/consumers';
import { isObject, type Json } from '../../proxy/fields.js';
import type { Access } from './client.js';

/** The API server refused. */
export class ApiError extends Error {
  /** HTTP status, or the code of the Status object: 410 when a version is not known any more. */
  readonly status: number;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter: number;

  constructor(message: string, status: number, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Milliseconds in which an answer has to begin, and within which a list must not stall. */
const ANSWER = 60_000;
/** Milliseconds of silence after which the kernel asks whether the other side is still there; it gives up about ten seconds later. */
const KEEP_ALIVE = 30_000;

const REMEDIES: Readonly<Record<number, string>> = {
  401: 'the credentials are not valid (any more): look at the user of the kubeconfig, or at the service account of the pod',
  403: 'allow get, list and watch of services, nodes and endpointslices.discovery.k8s.io to this user (examples/daemonset.yaml has the role)',
};

/** An API server: its lists and its streams of changes. Credentials are read anew for each request, as they may be short-lived. */
export class Connection {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  get server(): string {
    return this.#access.server;
  }

  /** A JSON object. @throws ApiError when the server refuses; what goes wrong with the connection. */
  async get(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Json> {
    const body: unknown = await json(await this.#request(path, query, signal));
    if (!isObject(body)) throw new Error(`${this.server}${path} answered with something that is no object`);
    return body;
  }

  /** Objects of a stream, one a line, until the server ends it. @throws as {@link get}. */
  async *stream(
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): AsyncGenerator<Json> {
    const response = await this.#request(path, query, signal);
    response.socket.setTimeout(0); // There may be nothing to say for long.
    response.setEncoding('utf8');
    let rest = '';
    for await (const chunk of response as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const value: unknown = JSON.parse(line);
        if (isObject(value)) yield value;
      }
    }
  }

  async #request(
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { server, config } = this.#access;
    const options: RequestOptions = {
      signal,
      headers: { Accept: 'application/json', 'User-Agent': 'ipvs-proxy' },
    };
    await config.applyToHTTPSOptions(options);
    const url = `${server}${path}?${new URLSearchParams(query).toString()}`;
    const request = (server.startsWith('http:') ? http : https).get(url, options);
    request.setTimeout(ANSWER, () => request.destroy(new Error(`no answer for ${ANSWER / 1000} s`)));
    request.setSocketKeepAlive(true, KEEP_ALIVE);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    if (response.statusCode === 200) return response;
    throw await refusal(response);
  }
}

async function refusal(response: IncomingMessage): Promise<ApiError> {
  const { statusCode = 0, statusMessage = '', headers } = response;
  let message = '';
  try {
    const body: unknown = JSON.parse(await text(response));
    if (isObject(body) && typeof body['message'] === 'string') message = body['message'];
  } catch {
    // Something between us and the server answered; its text says less than the status.
  }
  const words = [`${statusCode} ${statusMessage}`, message, REMEDIES[statusCode] ?? ''];
  const seconds = Number(headers['retry-after'] ?? 0);
  return new ApiError(
    words.filter((word) => word !== '').join(': '),
    statusCode,
    Number.isFinite(seconds) ? seconds * 1000 : 0,
  );
}
