import type { DestinationSettings } from './destination-settings.js';
import { sameDestination } from './destination-settings.js';
import { type DestinationId, destinationName, type ServiceId } from './identity.js';
import { sameService, type ServiceSettings } from './service-settings.js';
import type { DestinationEntry, ServiceEntry } from './spec.js';

/** A virtual server as it was read, in the terms of the kernel. */
export interface ObservedService {
  readonly settings: ServiceSettings;
  /** Each once. */
  readonly destinations: readonly DestinationEntry[];
}

/** One difference between a virtual server that is wanted and what is there of it. */
export type Difference =
  | { readonly op: 'add'; readonly service: ServiceId; readonly settings: ServiceSettings }
  | {
      readonly op: 'set';
      readonly service: ServiceId;
      readonly settings: ServiceSettings;
      readonly before: ServiceSettings;
    }
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
      readonly settings: DestinationSettings;
      readonly before: DestinationSettings;
    }
  | {
      readonly op: 'removeReal';
      readonly service: ServiceId;
      readonly destination: DestinationId;
      readonly before: DestinationSettings;
    };

/**
 * What takes a virtual server from what was read of it (nothing, when it is not there) to what is wanted. Where the wanted one says nothing
 * of real servers they are left alone.
 *
 * In an order that never leaves it with less to send traffic to than before and after: the virtual server itself, new real servers, those that
 * change, and only then those that go. Nothing that is there under the same name is removed and added again.
 */
export function* diffService(
  { id: service, settings, destinations }: ServiceEntry,
  observed: ObservedService | undefined,
): Generator<Difference, void, undefined> {
  if (observed === undefined) yield { op: 'add', service, settings };
  else if (!sameService(observed.settings, settings)) {
    yield { op: 'set', service, settings, before: observed.settings };
  }
  if (destinations === undefined) return;
  const held = new Map(observed?.destinations.map((entry) => [destinationName(entry.id), entry]));
  const changed: Difference[] = [];
  for (const { id: destination, settings: wanted } of destinations) {
    const name = destinationName(destination);
    const before = held.get(name)?.settings;
    held.delete(name);
    if (before === undefined) yield { op: 'addReal', service, destination, settings: wanted };
    else if (!sameDestination(before, wanted)) {
      changed.push({ op: 'setReal', service, destination, settings: wanted, before });
    }
  }
  yield* changed;
  for (const { id: destination, settings: before } of held.values()) {
    yield { op: 'removeReal', service, destination, before };
  }
}
