import { ValidationError } from '../errors.js';
import { forwardingOf } from '../ipvs/destination-settings.js';
import { hasNamedFlags } from '../ipvs/service-settings.js';
import type { SchedulerFlags } from '../ipvs/types.js';
import { formatAddress, tryParseAddress } from '../net/address.js';
import { integerIn } from '../net/number.js';
import { schedulerName } from './config.js';
import { parseDuration } from './duration.js';

/** What all annotations of this package begin with. Others with this beginning are refused, so that a slip of the pen is noticed. */
export const ANNOTATION_PREFIX = 'ipvs.proxy/';

/** Annotations of a Service, and of its EndpointSlices (`weights` only). Kubernetes has no fields for these. */
export const ANNOTATIONS = {
  /** Name of the scheduler of this Service's virtual servers: `wlc`, `mh` … */
  scheduler: 'ipvs.proxy/scheduler',
  /** `fallback`, `port`, both with a comma, or `none`; for the schedulers sh and mh. Replaces the default, which is `port` for mh. */
  schedulerFlags: 'ipvs.proxy/scheduler-flags',
  /** How long a client stays with its endpoint: seconds or a duration (`90`, `10m`); 0 for not at all. Wins over sessionAffinity. */
  persistenceTimeout: 'ipvs.proxy/persistence-timeout',
  /** How packets reach the endpoints: `masq` (default), `dr` or `tunnel`. */
  forwarding: 'ipvs.proxy/forwarding',
  /** `10.244.1.7=5, node-b=2, *=1`: weights by address, else by node, else for all others. Without any: 1. */
  weights: 'ipvs.proxy/weights',
} as const;

/** How the packets of a Service may reach its endpoints. */
export type ServiceForwarding = 'masq' | 'dr' | 'tunnel';

/** Weights by what they are for: a canonical address, the name of a node, or `*`. */
export type Weights = ReadonlyMap<string, number>;

/** What the annotations of a Service ask for; what is absent is as configured. */
export interface ServiceTuning {
  readonly scheduler?: string;
  readonly schedulerFlags?: SchedulerFlags;
  /** 0: no persistence, whatever sessionAffinity says. */
  readonly persistenceSeconds?: number;
  readonly forwarding?: ServiceForwarding;
  readonly weights?: Weights;
}

/** 31 days: what ipvsadm takes, and what the kernel can count at any HZ. */
const MAX_PERSISTENCE = 2_678_400;
/** The kernel keeps weights in 32 bits and reads them as signed. */
const MAX_WEIGHT = 0x7fffffff;

const pathOf = (annotation: string): string => `metadata.annotations.${annotation}`;

const words = (text: string): string[] =>
  text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');

function flagsOf(text: string, path: string): SchedulerFlags {
  const given = words(text);
  const wrong = given.find((word) => !['fallback', 'port', 'none'].includes(word));
  if (given.length === 0 || wrong !== undefined || (given.includes('none') && given.length > 1))
    throw new ValidationError(path, 'fallback, port, both with a comma, or none', text);
  return {
    ...(given.includes('fallback') ? { fallback: true } : {}),
    ...(given.includes('port') ? { port: true } : {}),
  };
}

function forwardingAt(text: string, path: string): ServiceForwarding {
  const word = forwardingOf(text.trim());
  if (word === 'masq' || word === 'dr' || word === 'tunnel') return word;
  throw new ValidationError(path, 'one of masq, dr, tunnel', text);
}

function persistenceAt(text: string, path: string): number {
  const given = text.trim();
  const seconds = /^\d{1,10}$/.test(given) ? Number(given) : parseDuration(given, path);
  return integerIn(seconds, 0, MAX_PERSISTENCE, path, 'seconds');
}

function weightsOf(text: string, path: string): Weights {
  const weights = new Map<string, number>();
  for (const word of words(text)) {
    const [, of = '', number = ''] = /^([^=\s]+)\s*=\s*(\d{1,10})$/.exec(word) ?? [];
    const weight = Number(number);
    const address = tryParseAddress(of);
    const key = address === undefined ? of : formatAddress(address.bytes, address.family);
    if (of === '' || weight > MAX_WEIGHT || weights.has(key))
      throw new ValidationError(
        path,
        'ADDRESS=WEIGHT, NODE=WEIGHT or *=WEIGHT, each once, with commas',
        word,
      );
    weights.set(key, weight);
  }
  if (weights.size === 0) throw new ValidationError(path, 'at least one weight, such as 10.244.1.7=5', text);
  return weights;
}

/** @throws ValidationError for an annotation of ours that is not among `known`. */
function refuseUnknown(annotations: Readonly<Record<string, string>>, known: readonly string[]): void {
  for (const name of Object.keys(annotations)) {
    if (name.startsWith(ANNOTATION_PREFIX) && !known.includes(name))
      throw new ValidationError(pathOf(name), `one of ${known.join(', ')}`, name);
  }
}

/**
 * What the annotations of a Service ask for; undefined when it has none of ours.
 * @throws ValidationError naming the annotation.
 */
export function parseTuning(annotations: Readonly<Record<string, string>>): ServiceTuning | undefined {
  refuseUnknown(annotations, Object.values(ANNOTATIONS));
  const read = <T>(annotation: string, parse: (text: string, path: string) => T): T | undefined => {
    const text = annotations[annotation];
    return text === undefined ? undefined : parse(text, pathOf(annotation));
  };
  const scheduler = read(ANNOTATIONS.scheduler, (text, path) => schedulerName(text.trim(), path));
  const schedulerFlags = read(ANNOTATIONS.schedulerFlags, flagsOf);
  const persistenceSeconds = read(ANNOTATIONS.persistenceTimeout, persistenceAt);
  const forwarding = read(ANNOTATIONS.forwarding, forwardingAt);
  const weights = read(ANNOTATIONS.weights, weightsOf);
  if (scheduler !== undefined && schedulerFlags !== undefined && !fits(schedulerFlags, scheduler))
    throw new ValidationError(
      pathOf(ANNOTATIONS.schedulerFlags),
      `none with the scheduler ${scheduler}: only sh and mh have flags`,
      annotations[ANNOTATIONS.schedulerFlags],
    );
  const tuning = {
    ...(scheduler === undefined ? {} : { scheduler }),
    ...(schedulerFlags === undefined ? {} : { schedulerFlags }),
    ...(persistenceSeconds === undefined ? {} : { persistenceSeconds }),
    ...(forwarding === undefined ? {} : { forwarding }),
    ...(weights === undefined ? {} : { weights }),
  };
  return Object.keys(tuning).length === 0 ? undefined : tuning;
}

/** Whether a scheduler knows these flags: none at all, or it is one of those that have some. */
export function fits(flags: SchedulerFlags, scheduler: string): boolean {
  return hasNamedFlags(scheduler) || (flags.fallback !== true && flags.port !== true);
}

/** The weights that an EndpointSlice has for its own endpoints. @throws ValidationError naming the annotation. */
export function parseSliceWeights(annotations: Readonly<Record<string, string>>): Weights | undefined {
  refuseUnknown(annotations, [ANNOTATIONS.weights]);
  const text = annotations[ANNOTATIONS.weights];
  return text === undefined ? undefined : weightsOf(text, pathOf(ANNOTATIONS.weights));
}

/** The weight of an endpoint: that of its slice, else that of its Service, else 1. */
export function weightOf(
  endpoint: { readonly address: string; readonly nodeName?: string },
  ...from: readonly (Weights | undefined)[]
): number {
  for (const weights of from) {
    const weight =
      weights?.get(endpoint.address) ??
      (endpoint.nodeName === undefined ? undefined : weights?.get(endpoint.nodeName)) ??
      weights?.get('*');
    if (weight !== undefined) return weight;
  }
  return 1;
}
