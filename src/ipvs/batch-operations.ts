import { isValidation, ValidationError } from '../errors.js';
import {
  applyDestinationPatch,
  DEFAULT_DESTINATION,
  type DestinationPatch,
  type DestinationSettings,
  isCompleteDestinationPatch,
} from './destination-settings.js';
import { type DestinationId, parseRealServer, parseVirtualServer, type ServiceId } from './identity.js';
import { checkKeys, isObject } from './objects.js';
import type { Pace } from './pace.js';
import {
  applyServicePatch,
  defaultService,
  isCompleteServicePatch,
  parseServicePatch,
  type ServicePatch,
  type ServiceSettings,
} from './service-settings.js';
import { newDestination, parseRealServerSpec } from './spec.js';
import type { IpvsOperation } from './types.js';

/** An operation after validation. */
export type ParsedOperation =
  | { readonly op: 'add'; readonly service: ServiceId; readonly settings: ServiceSettings }
  | { readonly op: 'set'; readonly service: ServiceId; readonly patch: ServicePatch }
  | { readonly op: 'remove'; readonly service: ServiceId }
  | {
      readonly op: 'addReal';
      readonly service: ServiceId;
      readonly destination: DestinationId;
      readonly settings: DestinationSettings;
    }
  | {
      readonly op: 'setReal';
      readonly service: ServiceId;
      readonly destination: DestinationId;
      readonly patch: DestinationPatch;
    }
  | { readonly op: 'removeReal'; readonly service: ServiceId; readonly destination: DestinationId };

/** Check every operation by itself. @throws ValidationError naming `operations[i]` */
export async function parseOperations(
  operations: Iterable<IpvsOperation>,
  pace: Pace,
): Promise<{ readonly given: readonly IpvsOperation[]; readonly parsed: readonly ParsedOperation[] }> {
  const given: IpvsOperation[] = [];
  const parsed: ParsedOperation[] = [];
  // Operations on one server follow each other: its name is parsed once.
  const services = new Map<unknown, ServiceId>();
  for (const operation of operations) {
    const index = given.push(operation) - 1;
    parsed.push(within(index, () => parseOperation(operation, services)));
    if (pace.due()) await pace.rest();
  }
  return { given, parsed };
}

/** Paths of errors begin at the operation; its index is put before them only when there is one. */
function within<T>(index: number, job: () => T): T {
  try {
    return job();
  } catch (err) {
    throw isValidation(err) ? err.under(`operations[${String(index)}]`) : err;
  }
}

const OPERATION_KEYS: Readonly<Record<IpvsOperation['op'], readonly string[]>> = {
  add: ['op', 'virtualServer', 'attributes'],
  set: ['op', 'virtualServer', 'attributes'],
  remove: ['op', 'virtualServer'],
  addReal: ['op', 'virtualServer', 'realServer'],
  setReal: ['op', 'virtualServer', 'realServer'],
  removeReal: ['op', 'virtualServer', 'realServer'],
};

const OPERATIONS = Object.keys(OPERATION_KEYS).join(', ');

function parseOperation(operation: IpvsOperation, services: Map<unknown, ServiceId>): ParsedOperation {
  const value: unknown = operation;
  if (!isObject(value)) throw new ValidationError('', `an operation: { op: ${OPERATIONS} }`, value);
  if (typeof value['op'] !== 'string' || !Object.hasOwn(OPERATION_KEYS, value['op'])) {
    throw new ValidationError('op', `one of ${OPERATIONS}`, value['op']);
  }
  checkKeys(operation, OPERATION_KEYS[operation.op], '');
  let service = services.get(operation.virtualServer);
  if (service === undefined) {
    service = parseVirtualServer(operation.virtualServer, 'virtualServer');
    // Objects may change between two operations; text cannot.
    if (typeof operation.virtualServer === 'string') services.set(operation.virtualServer, service);
  }
  switch (operation.op) {
    case 'add': {
      const patch = parseServicePatch(operation.attributes, service, 'attributes');
      const base = defaultService(service.family);
      return {
        op: 'add',
        service,
        settings: applyServicePatch(base, patch, service.family, 'attributes'),
      };
    }
    case 'set': {
      const patch = parseServicePatch(operation.attributes, service, 'attributes');
      // Where nothing of what the kernel has matters, what contradicts itself is found now.
      if (isCompleteServicePatch(patch)) {
        applyServicePatch(defaultService(service.family), patch, service.family, 'attributes');
      }
      return { op: 'set', service, patch };
    }
    case 'remove':
      return { op: 'remove', service };
    case 'addReal': {
      const { id, settings } = newDestination(operation.realServer, service, 'realServer');
      return { op: 'addReal', service, destination: id, settings };
    }
    case 'setReal': {
      const { id, patch } = parseRealServerSpec(operation.realServer, service, 'realServer');
      if (isCompleteDestinationPatch(patch)) {
        const families = { service: service.family, destination: id.family };
        applyDestinationPatch(DEFAULT_DESTINATION, patch, families, 'realServer');
      }
      return { op: 'setReal', service, destination: id, patch };
    }
    case 'removeReal':
      return {
        op: 'removeReal',
        service,
        destination: parseRealServer(operation.realServer, service, 'realServer'),
      };
  }
}
