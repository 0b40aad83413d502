/** What callers of IPVS read and write, by subject. */
export type * from './types/server.js';
export type * from './types/handles.js';
export type * from './types/filter.js';
export type * from './types/batch.js';
export type * from './types/sync.js';
export type * from './types/reading.js';
export type * from './types/watch.js';
export type * from './types/drain.js';
export type * from './types/daemons.js';
export type * from './types/connections.js';
export type * from './types/ipvs.js';
