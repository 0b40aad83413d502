/** Ranges as the kernel takes them apart. IPv4 addresses are numbers here. */

/** A network: its first address and its prefix length. */
export interface FakeNet {
  readonly ip: number;
  readonly prefix: number;
}

/** The fewest networks that make up a range, as ip_set_range_to_cidr gives them one after the other. */
export function networksOf(from: number, to: number): FakeNet[] {
  const nets: FakeNet[] = [];
  for (let ip = from; ip <= to;) {
    let size = 1;
    let prefix = 32;
    while (prefix > 1 && ip % (2 * size) === 0 && ip + 2 * size - 1 <= to) {
      size *= 2;
      prefix--;
    }
    nets.push({ ip, prefix });
    ip += size;
  }
  return nets;
}

/** The addresses of a range, `step` apart. */
export function* addressesOf(from: number, to: number, step = 1): Generator<number> {
  for (let ip = from; ip <= to; ip += step) yield ip;
}

/** First and last address of the network around an address. */
export function networkEnds(ip: number, prefix: number): readonly [number, number] {
  const size = 2 ** (32 - prefix);
  const from = Math.floor(ip / size) * size;
  return [from, from + size - 1];
}
