/**
 * Drive the Linux kernel's load balancer: IPVS and ipset over netlink, links, sysctls and the KUBE chains.
 * Importing this module does no work and succeeds on every platform; `openKernel` explains what is missing.
 */
export { openKernel } from './kernel/open.js';
export type { Features, Kernel, KernelOptions, ModuleState, NetnsRef, Tool } from './kernel/types.js';
export { IPVS_SYSCTLS } from './sysctl/ipvs.js';
export { formatSave, type SaveOptions } from './ipvs/save.js';
export { parseSave, type ParseSaveOptions } from './ipvs/text/parse-save.js';
export { formatIpsetSave, type IpsetSaveOptions } from './ipset/dump.js';
export { restoreIpset, type IpsetRestoreOptions, type IpsetRestoreResult } from './ipset/restore.js';
export {
  formatIpsetRecord,
  type IpsetRecord,
  type NumberedIpsetRecord,
  parseIpsetSave,
} from './ipset/records.js';
export type { TextInput } from './ipset/tool/stream.js';
export type { ToolNames } from './ipset/tool/names.js';
export type { NameSource } from './ipvs/text/endpoint.js';
export type { DisplayNames } from './ipvs/text/spelling.js';
export { type AdmOptions, runAdm } from './cli/adm/run.js';
export type { AdmIo, AdmOutput } from './cli/adm/io.js';
export type { NameService } from './cli/adm/names.js';
export { type IpsetRunOptions, runIpset } from './cli/ipset/run.js';
export type { IpsetNameService } from './cli/ipset/names.js';
export type { PortNames } from './cli/adm/services.js';
export * from './errors.js';
export type { Family } from './net/address.js';
export type { Protocol } from './net/protocol.js';
export type { CallOptions, ChannelCounters } from './netlink/types.js';
export type * from './ipvs/types.js';
export { blockListEntries, mergeNetworks, toBlockList, type BlockListEntry } from './ipset/block-list.js';
export { canonicalEntry, entryKey, parseEntry, parseEntryWords } from './ipset/entry.js';
export { createOptionsOf } from './ipset/options.js';
export { hashSizeFor } from './ipset/parameters.js';
export { formatCreate, parseCreateOptions, type SaveHeader } from './ipset/text/create.js';
export type * from './ipset/types.js';
export type * from './link/types.js';
export type * from './conntrack/types.js';
export type * from './sysctl/types.js';
export type * from './rules/nft/types.js';
export type * from './rules/types.js';
