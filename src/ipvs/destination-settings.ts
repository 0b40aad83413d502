import { ValidationError } from '../errors.js';
import type { Family } from '../net/address.js';
import { integerIn } from '../net/number.js';
import { at, optionsAt } from './objects.js';
import type { Forwarding, RealServerAttributes, RealServerState, Tunnel } from './types.js';

/** What the kernel keeps of a real server besides its identity: what is compared and written. Tunnel fields are 0 unless tunnelled. */
export interface DestinationSettings {
  readonly forwarding: Forwarding;
  readonly weight: number;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  readonly tunnelType: number;
  readonly tunnelPort: number;
  readonly tunnelFlags: number;
}

/** Attributes as given, checked one by one; absent ones keep what is there. */
export interface DestinationPatch {
  readonly forwarding?: Forwarding;
  readonly weight?: number;
  readonly upperThreshold?: number;
  readonly lowerThreshold?: number;
  readonly tunnel?: Pick<DestinationSettings, 'tunnelType' | 'tunnelPort' | 'tunnelFlags'>;
}

/** Forwarding methods by their number (IP_VS_CONN_F_FWD_MASK of linux/ip_vs.h). 5 to 7 mean nothing to the kernel. */
export const FORWARDINGS: readonly Forwarding[] = ['masq', 'local', 'tunnel', 'dr', 'bypass'];
/** Encapsulations by their number (IP_VS_CONN_F_TUNNEL_TYPE_*). */
export const TUNNEL_TYPES = ['ipip', 'gue', 'gre'] as const;
/** Checksum choices by their number (IP_VS_TUNNEL_ENCAP_FLAG_*). */
export const TUNNEL_CHECKSUMS = ['none', 'csum', 'remcsum'] as const;

const GUE = TUNNEL_TYPES.indexOf('gue');
const MAX_INT = 0x7fffffff;

const FORWARDING_WORDS: ReadonlyMap<unknown, Forwarding> = new Map([
  ...FORWARDINGS.map((word) => [word, word] as const),
  ['nat', 'masq'],
  ['masquerade', 'masq'],
  ['direct', 'dr'],
  ['gate', 'dr'],
  ['gatewaying', 'dr'],
  ['route', 'dr'],
  ['ipip', 'tunnel'],
]);

/** What a real server has when nothing is chosen: weight 1, masquerading, no thresholds. */
export const DEFAULT_DESTINATION: DestinationSettings = {
  forwarding: 'masq',
  weight: 1,
  upperThreshold: 0,
  lowerThreshold: 0,
  tunnelType: 0,
  tunnelPort: 0,
  tunnelFlags: 0,
};

const NO_TUNNEL = { tunnelType: 0, tunnelPort: 0, tunnelFlags: 0 } as const;

function tunnelAt(value: unknown, path: string): NonNullable<DestinationPatch['tunnel']> {
  const given = optionsAt(value, ['type', 'port', 'checksum'], path);
  const tunnelType = TUNNEL_TYPES.findIndex((type) => type === given['type']);
  if (tunnelType < 0)
    throw new ValidationError(at(path, 'type'), `one of ${TUNNEL_TYPES.join(', ')}`, given['type']);
  const port = given['port'];
  if (tunnelType !== GUE && port !== undefined) {
    throw new ValidationError(at(path, 'port'), 'no port: only gue has one', port);
  }
  const tunnelPort = tunnelType === GUE ? integerIn(port, 1, 65535, at(path, 'port')) : 0;
  const checksum = given['checksum'] === undefined ? 'none' : given['checksum'];
  // ipip carries no checksum, and remote checksum offload is an option of the GUE header.
  const allowed = TUNNEL_CHECKSUMS.slice(0, tunnelType === GUE ? 3 : tunnelType === 0 ? 1 : 2);
  const tunnelFlags = allowed.findIndex((word) => word === checksum);
  if (tunnelFlags < 0) {
    throw new ValidationError(
      at(path, 'checksum'),
      `one of ${allowed.join(', ')} for ${TUNNEL_TYPES[tunnelType] ?? 'ipip'}`,
      checksum,
    );
  }
  return { tunnelType, tunnelPort, tunnelFlags };
}

/** The method behind a word or one of its aliases, in any case; undefined for anything else. */
export function forwardingOf(value: unknown): Forwarding | undefined {
  return FORWARDING_WORDS.get(typeof value === 'string' ? value.toLowerCase() : value);
}

function forwardingAt(value: unknown, path: string): Forwarding {
  const word = forwardingOf(value);
  if (word === undefined) throw new ValidationError(path, `one of ${FORWARDINGS.join(', ')}`, value);
  return word;
}

/** Names of the attributes of a real server. */
export const DESTINATION_KEYS = [
  'weight',
  'forwarding',
  'tunnel',
  'upperThreshold',
  'lowerThreshold',
] as const;

/**
 * Check attributes one by one. `path` is where they are; the empty path names them alone (`weight`).
 * @throws ValidationError for an unknown key or a bad value.
 */
export function parseDestinationPatch(
  attributes: RealServerAttributes | undefined,
  path: string,
  known: readonly string[] = DESTINATION_KEYS,
): DestinationPatch {
  const given = optionsAt(attributes, known, path);
  const { weight, forwarding, tunnel, upperThreshold, lowerThreshold } = given;
  const patch: { -readonly [Key in keyof DestinationPatch]: DestinationPatch[Key] } = {};
  if (forwarding !== undefined) patch.forwarding = forwardingAt(forwarding, at(path, 'forwarding'));
  if (weight !== undefined) patch.weight = limitAt(weight, at(path, 'weight'));
  if (upperThreshold !== undefined)
    patch.upperThreshold = limitAt(upperThreshold, at(path, 'upperThreshold'));
  if (lowerThreshold !== undefined)
    patch.lowerThreshold = limitAt(lowerThreshold, at(path, 'lowerThreshold'));
  if (tunnel !== undefined) patch.tunnel = tunnelAt(tunnel, at(path, 'tunnel'));
  return patch;
}

/** The kernel keeps weights and thresholds in 32 bits and reads them as signed. */
function limitAt(value: unknown, path: string): number {
  return integerIn(value, 0, MAX_INT, path);
}

/** True when nothing is left to be kept, so that the kernel's state need not be read before a `set`. */
export function isCompleteDestinationPatch(patch: DestinationPatch): boolean {
  return (
    patch.weight !== undefined &&
    patch.forwarding !== undefined &&
    patch.upperThreshold !== undefined &&
    patch.lowerThreshold !== undefined &&
    (patch.forwarding !== 'tunnel' || patch.tunnel !== undefined)
  );
}

/**
 * `base` with the attributes of the patch. An attribute that is given replaces the former value as a whole; a forwarding method
 * other than `tunnel` drops the encapsulation.
 * @throws ValidationError when the result makes no sense together: an encapsulation without a tunnel, a lower threshold above the
 *   upper one, a real server of the other family without a tunnel.
 */
export function applyDestinationPatch(
  base: DestinationSettings,
  patch: DestinationPatch,
  families: { readonly service: Family; readonly destination: Family },
  path: string,
): DestinationSettings {
  const forwarding = patch.forwarding ?? base.forwarding;
  if (patch.tunnel !== undefined && forwarding !== 'tunnel') {
    throw new ValidationError(
      at(path, 'tunnel'),
      `nothing with forwarding ${forwarding}: only a tunnel has an encapsulation`,
      TUNNEL_TYPES[patch.tunnel.tunnelType],
    );
  }
  if (families.service !== families.destination && forwarding !== 'tunnel') {
    throw new ValidationError(
      at(path, 'forwarding'),
      `tunnel, since the real server is of another address family than its virtual server`,
      forwarding,
    );
  }
  const upperThreshold = patch.upperThreshold ?? base.upperThreshold;
  const lowerThreshold = patch.lowerThreshold ?? base.lowerThreshold;
  // Left alone when neither is given: what the kernel has is not ours to judge.
  if (
    lowerThreshold > upperThreshold &&
    (patch.lowerThreshold !== undefined || patch.upperThreshold !== undefined)
  ) {
    throw patch.lowerThreshold === undefined
      ? new ValidationError(
          at(path, 'upperThreshold'),
          `at least the lower threshold, ${String(lowerThreshold)}`,
          upperThreshold,
        )
      : new ValidationError(
          at(path, 'lowerThreshold'),
          `at most the upper threshold, ${String(upperThreshold)}`,
          lowerThreshold,
        );
  }
  const { tunnelType, tunnelPort, tunnelFlags } =
    forwarding === 'tunnel' ? (patch.tunnel ?? (base.forwarding === 'tunnel' ? base : NO_TUNNEL)) : NO_TUNNEL;
  return {
    forwarding,
    weight: patch.weight ?? base.weight,
    upperThreshold,
    lowerThreshold,
    tunnelType,
    tunnelPort,
    tunnelFlags,
  };
}

/** True when writing `b` over `a` would change nothing. */
export function sameDestination(a: DestinationSettings, b: DestinationSettings): boolean {
  return (
    a.forwarding === b.forwarding &&
    a.weight === b.weight &&
    a.upperThreshold === b.upperThreshold &&
    a.lowerThreshold === b.lowerThreshold &&
    (a.forwarding !== 'tunnel' ||
      (a.tunnelType === b.tunnelType && a.tunnelPort === b.tunnelPort && a.tunnelFlags === b.tunnelFlags))
  );
}

/** The encapsulation in the words of the public interface; unknown numbers are what the kernel treats them as: ipip, no checksum. */
export function describeTunnel(
  settings: Pick<DestinationSettings, 'tunnelType' | 'tunnelPort' | 'tunnelFlags'>,
): Tunnel {
  const type = TUNNEL_TYPES[settings.tunnelType] ?? 'ipip';
  const checksum = TUNNEL_CHECKSUMS[settings.tunnelFlags] ?? 'none';
  return {
    type,
    ...(type === 'gue' ? { port: settings.tunnelPort } : {}),
    ...(checksum === 'none' ? {} : { checksum }),
  };
}

/** The attributes of a listed real server. */
export type DestinationWords = Pick<RealServerState, keyof RealServerAttributes>;

/** Every attribute spelled out, as listings spell it: equal settings give equal data. */
export function destinationAttributes(settings: DestinationSettings): DestinationWords {
  const { weight, forwarding, upperThreshold, lowerThreshold } = settings;
  return {
    weight,
    forwarding,
    upperThreshold,
    lowerThreshold,
    ...(forwarding === 'tunnel' ? { tunnel: describeTunnel(settings) } : {}),
  };
}

/** The settings behind a listed real server: {@link destinationAttributes} backwards. */
export function settingsOfDestination(state: DestinationWords): DestinationSettings {
  const { weight, forwarding, tunnel, upperThreshold, lowerThreshold } = state;
  return {
    forwarding,
    weight,
    upperThreshold,
    lowerThreshold,
    tunnelType: tunnel === undefined ? 0 : TUNNEL_TYPES.indexOf(tunnel.type),
    tunnelPort: tunnel?.port ?? 0,
    tunnelFlags: TUNNEL_CHECKSUMS.indexOf(tunnel?.checksum ?? 'none'),
  };
}
