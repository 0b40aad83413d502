/**
 * Drive the Linux kernel's load balancer: IPVS and ipset over netlink, links, sysctls and the KUBE chains.
 * Importing this module does no work and succeeds on every platform; `openKernel` explains what is missing.
 */
export { openKernel } from './kernel/open.js';
export type { Features, Kernel, KernelOptions, NetnsRef } from './kernel/types.js';
export * from './errors.js';
export type { Family } from './net/address.js';
export type { Protocol } from './net/protocol.js';
export type { CallOptions, ChannelCounters } from './netlink/types.js';
export type * from './ipvs/types.js';
export type * from './ipset/types.js';
export type * from './link/types.js';
export type * from './sysctl/types.js';
export type * from './rules/types.js';
