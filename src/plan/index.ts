export { apply, type ApplyOptions } from './apply.js';
export { observe, type Observed } from './observe.js';
export { nothing, plan, Plan, type PlanJson, type PlanOptions } from './plan.js';
export { formatOperation } from './print.js';
export type * from './types.js';
