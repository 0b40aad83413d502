import { type EndpointSlice, objectName, type Service } from '../proxy/model.js';

/** Name of an object inside its namespace. */
export interface ObjectRef {
  readonly namespace: string;
  readonly name: string;
}

/** The Services and slices that are known, and which Services something has happened to. */
export class ObjectStore {
  readonly #services = new Map<string, Service>();
  readonly #slices = new Map<string, EndpointSlice>();
  /** Slices by the Service that they belong to, each by its own name. */
  readonly #byService = new Map<string, Map<string, EndpointSlice>>();
  #dirty = new Set<string>();

  get serviceNames(): Iterable<string> {
    return this.#services.keys();
  }

  get services(): number {
    return this.#services.size;
  }

  get slices(): number {
    return this.#slices.size;
  }

  /** Services that were touched since {@link takeDirty}. */
  get dirty(): number {
    return this.#dirty.size;
  }

  service(name: string): Service | undefined {
    return this.#services.get(name);
  }

  slicesOf(service: string): readonly EndpointSlice[] {
    return [...(this.#byService.get(service)?.values() ?? [])];
  }

  upsertService(service: Service): void {
    const name = objectName(service);
    this.#services.set(name, service);
    this.#dirty.add(name);
  }

  removeService(ref: ObjectRef): boolean {
    const name = objectName(ref);
    if (!this.#services.delete(name)) return false;
    this.#dirty.add(name);
    return true;
  }

  upsertSlice(slice: EndpointSlice): void {
    const name = objectName(slice);
    this.removeSlice(slice);
    this.#slices.set(name, slice);
    const owner = objectName({ namespace: slice.namespace, name: slice.service });
    let list = this.#byService.get(owner);
    if (list === undefined) this.#byService.set(owner, (list = new Map<string, EndpointSlice>()));
    list.set(name, slice);
    this.#dirty.add(owner);
  }

  removeSlice(ref: ObjectRef): boolean {
    const name = objectName(ref);
    const slice = this.#slices.get(name);
    if (slice === undefined) return false;
    this.#slices.delete(name);
    const owner = objectName({ namespace: slice.namespace, name: slice.service });
    const list = this.#byService.get(owner);
    list?.delete(name);
    if (list?.size === 0) this.#byService.delete(owner);
    this.#dirty.add(owner);
    return true;
  }

  /** Make these all there is. Objects that are the same object as before are not touched. */
  replace(services: Iterable<Service>, slices: Iterable<EndpointSlice>): void {
    const goneServices = new Set(this.#services.keys());
    for (const service of services) {
      const name = objectName(service);
      goneServices.delete(name);
      if (this.#services.get(name) !== service) this.upsertService(service);
    }
    const goneSlices = new Map<string, EndpointSlice>(this.#slices);
    for (const slice of slices) {
      const name = objectName(slice);
      goneSlices.delete(name);
      if (this.#slices.get(name) !== slice) this.upsertSlice(slice);
    }
    for (const name of goneServices) {
      this.#services.delete(name);
      this.#dirty.add(name);
    }
    for (const slice of goneSlices.values()) this.removeSlice(slice);
  }

  /** The touched Services; the list starts anew. */
  takeDirty(): ReadonlySet<string> {
    const taken = this.#dirty;
    this.#dirty = new Set();
    return taken;
  }

  /** As if all Services had been touched: something changed that they all depend on. */
  touchAll(): void {
    for (const name of this.#services.keys()) this.#dirty.add(name);
  }
}
