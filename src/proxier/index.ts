/** A long-running proxier: keeps a node programmed for the Services and EndpointSlices that it is told about. */
export { Proxier } from './proxier.js';
export type { ObjectRef } from './store.js';
export type * from './types.js';
