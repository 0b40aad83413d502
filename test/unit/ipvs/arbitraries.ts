import fc from 'fast-check';
import { formatAddress } from '../../../src/net/address.js';
import type {
  RealServerAttributes,
  Tunnel,
  VirtualServerAttributes,
  VirtualServerUrl,
} from '../../../src/ipvs/types.js';

/** Canonical IPv4 and IPv6 addresses that a real server can have. */
export const address4: fc.Arbitrary<string> = fc
  .tuple(fc.integer({ min: 1, max: 223 }), fc.nat(255), fc.nat(255), fc.nat(255))
  .map((octets) => octets.join('.'));

export const address6: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 14, maxLength: 14 })
  .map((tail) => formatAddress(Uint8Array.of(0x20, 0x01, ...tail), 'inet6'));

const port = fc.integer({ min: 0, max: 65535 });
const protocol = fc.constantFrom('tcp', 'udp', 'sctp');

export const url: fc.Arbitrary<VirtualServerUrl> = fc.oneof(
  fc.tuple(protocol, address4, port).map(([p, a, n]): VirtualServerUrl => `${p}://${a}:${String(n)}`),
  fc.tuple(protocol, address6, port).map(([p, a, n]): VirtualServerUrl => `${p}://[${a}]:${String(n)}`),
  fc.integer({ min: 1, max: 0xffffffff }).map((mark): VirtualServerUrl => `fwmark://${String(mark)}`),
  fc.integer({ min: 1, max: 0xffffffff }).map((mark): VirtualServerUrl => `fwmark6://${String(mark)}`),
);

/** True for the URL of an IPv6 virtual server. */
export function isInet6(text: string): boolean {
  return text.includes('[') || text.startsWith('fwmark6');
}

/** Attributes that make sense for a virtual server, every one given. */
export function attributesFor(text: string): fc.Arbitrary<Required<VirtualServerAttributes>> {
  const netmask = isInet6(text)
    ? fc.integer({ min: 1, max: 128 })
    : fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((octets) => octets.join('.'));
  const persistence = fc.record(
    {
      timeout: fc.integer({ min: 1, max: 2_678_400 }),
      netmask,
      engine: fc.constant('sip'),
    },
    { requiredKeys: ['timeout', 'netmask'] },
  );
  const named = fc.record({
    scheduler: fc.constantFrom('sh', 'mh'),
    schedulerFlags: fc.record(
      { fallback: fc.constant(true), port: fc.constant(true), raw: fc.constant(0x20) },
      { requiredKeys: [] },
    ),
  });
  const unnamed = fc.record({
    scheduler: fc.constantFrom('rr', 'wrr', 'lc', 'wlc', 'dh', 'sed', 'nq', 'fo', 'ovf', 'none'),
    schedulerFlags: fc.record({ raw: fc.constantFrom(0x8, 0x10, 0x18, 0x20, 0x38) }, { requiredKeys: [] }),
  });
  const onePacket = text.startsWith('tcp') || text.startsWith('sctp') ? fc.constant(false) : fc.boolean();
  return fc
    .tuple(fc.oneof(named, unnamed), fc.oneof(fc.constant(false as const), persistence), onePacket)
    .map(([scheduling, held, ops]) => ({ ...scheduling, persistence: held, onePacket: ops }));
}

const tunnel: fc.Arbitrary<Tunnel> = fc.oneof(
  fc.constant<Tunnel>({ type: 'ipip' }),
  fc.record(
    { type: fc.constant('gre' as const), checksum: fc.constant('csum' as const) },
    { requiredKeys: ['type'] },
  ),
  fc.record(
    {
      type: fc.constant('gue' as const),
      port: fc.integer({ min: 1, max: 65535 }),
      checksum: fc.constantFrom('csum' as const, 'remcsum' as const),
    },
    { requiredKeys: ['type', 'port'] },
  ),
);

const INT_MAX = 0x7fffffff;

/** Attributes that make sense for a real server, every one given. */
export const realAttributes: fc.Arbitrary<RealServerAttributes> = fc
  .tuple(
    fc.integer({ min: 0, max: INT_MAX }),
    fc.integer({ min: 0, max: INT_MAX }),
    fc.integer({ min: 0, max: INT_MAX }),
    fc.oneof(
      fc.record({
        forwarding: fc.constantFrom('masq' as const, 'local' as const, 'dr' as const, 'bypass' as const),
      }),
      fc.record({ forwarding: fc.constant('tunnel' as const), tunnel }),
    ),
  )
  .map(([weight, a, b, forwarding]) => ({
    weight,
    upperThreshold: Math.max(a, b),
    lowerThreshold: Math.min(a, b),
    ...forwarding,
  }));
