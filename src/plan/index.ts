export { apply, type ApplyOptions } from './apply.js';
export { observe, type Observed, type ObservedSet } from './observe.js';
export { nothing, plan, Plan, type PlanJson, type PlanOptions } from './plan.js';
export { formatOperation } from './print.js';
export type * from './types.js';
