/** The same object with another property. */
export function replacing<T extends object, K extends keyof T>(target: T, name: K, other: T[K]): T {
  return new Proxy(target, {
    get: (_, key) => {
      if (key === name) return other;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
