import type { Family } from '../../net/address.js';

/** Answers to names on a command line. */
export interface ToolNames {
  /** First address of a host in a family, in its canonical form; undefined when it has none. */
  host(name: string, family: Family): string | undefined;
  /** Number of a service for a protocol (`tcp`, `udp` …), as getservbyname(3) has it; undefined when unknown. */
  port(name: string, protocol: string): number | undefined;
}

/** Knows no names: addresses and numbers only. */
export const NO_TOOL_NAMES: ToolNames = { host: () => undefined, port: () => undefined };
