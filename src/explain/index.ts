/** Which rules and sets decide about a packet, and where it ends: a pure evaluator of rules, sets and virtual servers. */
export { explain } from './explain.js';
export { formatExplanation } from './print.js';
export type * from './types.js';
export { desiredView, observedView, type ViewNode } from './view.js';
