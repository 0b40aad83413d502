import { type Json, objectAt } from '../../proxy/fields.js';
import { parseService } from '../../proxy/parse-service.js';
import { parseSlice } from '../../proxy/parse-slice.js';
import { parseNode } from '../node-object.js';
import type { Log, Sink, Source } from '../types.js';
import { access, type ClusterOptions } from './client.js';
import { Connection } from './connection.js';
import { Objects } from './objects.js';
import { reflect } from './reflect.js';

/** What kube-proxy watches: neither headless Services nor what another service proxy takes care of. */
const SELECTOR = {
  labelSelector: '!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name',
};
/** When the endpoints of a slice changed, as the controller that wrote the slice saw it. */
const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

function triggerTime(object: Json): number | undefined {
  const annotations = objectAt(objectAt(object, 'metadata', ''), 'annotations', 'metadata');
  const text = annotations[TRIGGER_TIME];
  const at = typeof text === 'string' ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** Services, EndpointSlices and this node's Node of a Kubernetes API server. */
export class ClusterSource implements Source {
  readonly #connection: Connection;
  readonly #nodeName: string;
  readonly #log: Log;

  private constructor(connection: Connection, nodeName: string, log: Log) {
    this.#connection = connection;
    this.#nodeName = nodeName;
    this.#log = log;
  }

  /**
   * Find out where the API server is. Nothing is asked of it yet.
   * @param nodeName Name of the Node object of this node.
   * @throws ValidationError naming the file or option; an Error when `@kubernetes/client-node` is not installed.
   */
  static async open(options: ClusterOptions, nodeName: string, log: Log): Promise<ClusterSource> {
    return new ClusterSource(new Connection(await access(options)), nodeName, log);
  }

  get description(): string {
    return `the API server ${this.#connection.server}`;
  }

  /** Nothing to do: changes come by themselves. */
  reload(): void {
    return;
  }

  async run(sink: Sink, signal: AbortSignal): Promise<void> {
    const log = this.#log;
    /** Kinds that were not listed yet. Nothing is told before: half of the objects would take the others away. */
    const missing = new Set(['services', 'slices', 'node']);
    const complete = (kind: string): void => {
      missing.delete(kind);
      if (missing.size === 0) sink.replace(services.values, slices.values);
    };
    const whenComplete = (tell: () => void): void => {
      if (missing.size === 0) tell();
    };

    const services = new Objects('Service', parseService, log, {
      listed: () => complete('services'),
      upserted: (service) => whenComplete(() => sink.upsertService(service)),
      removed: (ref) => whenComplete(() => sink.removeService(ref)),
    });
    const slices = new Objects('EndpointSlice', (object) => parseSlice(object).slice, log, {
      listed: () => complete('slices'),
      upserted: (slice) => whenComplete(() => sink.upsertSlice(slice)),
      removed: (ref) => whenComplete(() => sink.removeSlice(ref)),
    });
    const node = new Objects('Node', parseNode, log, {
      listed: () => {
        const [own] = node.values;
        if (own === undefined) log.warn(`there is no Node ${this.#nodeName}; is --hostname-override right?`);
        sink.setNode(own);
        complete('node');
      },
      upserted: (own) => sink.setNode(own),
      removed: () => sink.setNode(undefined),
    });

    await Promise.all(
      [
        { kind: 'services', path: '/api/v1/services', selector: SELECTOR, objects: services },
        {
          kind: 'endpointslices',
          path: '/apis/discovery.k8s.io/v1/endpointslices',
          selector: SELECTOR,
          objects: slices,
          changed: (object: Json) => {
            const at = triggerTime(object);
            if (at !== undefined) sink.endpointsChanged(at);
          },
        },
        {
          kind: 'nodes',
          path: '/api/v1/nodes',
          selector: { fieldSelector: `metadata.name=${this.#nodeName}` },
          objects: node,
        },
      ].map(({ kind, path, selector, objects, changed }) =>
        reflect(
          this.#connection,
          {
            kind,
            path,
            selector,
            listed: (items) => objects.listed(items),
            upserted: (object) => {
              changed?.(object);
              objects.upserted(object);
            },
            removed: (object) => objects.removed(object),
          },
          log,
          signal,
        ),
      ),
    );
  }
}
