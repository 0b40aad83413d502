/** A netlink message taken apart, for comparing messages by what they say instead of byte by byte. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Protocol header behind the nlmsghdr, as hex. */
  readonly header: string;
  readonly attributes: Tree;
}

/** Attributes: `type` or `type+flags` to the payload as hex, or to the attributes inside, by ascending type. */
export type Tree = readonly (readonly [string, string | Tree])[];

/** What is peculiar to a protocol. */
interface Grammar {
  /** Bytes between the nlmsghdr and the attributes. */
  readonly header: number;
  /** Which attributes contain others. */
  readonly isNest: (path: readonly number[], flagged: boolean) => boolean;
  /** Whether the kernel insists on the flag that says so. */
  readonly flagsNests: boolean;
}

const NESTED = 0x8000;
const NET_BYTEORDER = 0x4000;

const GRAMMARS: Readonly<Record<'ipvs' | 'ipset' | 'link' | 'address', Grammar>> = {
  ipvs: {
    header: 4,
    isNest: (path) =>
      (path.length === 1 && (path[0] ?? 0) <= 3) || (path.length === 2 && [10, 12].includes(path[1] ?? 0)),
    flagsNests: false,
  },
  ipset: { header: 4, isNest: (_path, flagged) => flagged, flagsNests: true },
  link: { header: 16, isNest: (path) => path.length === 1 && path[0] === 18, flagsNests: false },
  address: { header: 8, isNest: () => false, flagsNests: false },
};

/** The messages of a buffer. */
export function parse(bytes: Uint8Array, protocol: keyof typeof GRAMMARS): Message[] {
  const grammar = GRAMMARS[protocol];
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: Message[] = [];
  for (let at = 0; at < view.length;) {
    const length = view.readUInt32LE(at);
    if (length < 16 || at + length > view.length) {
      throw new Error(`message at ${String(at)} has length ${String(length)}`);
    }
    const body = at + 16 + grammar.header;
    messages.push({
      type: view.readUInt16LE(at + 4),
      flags: view.readUInt16LE(at + 6),
      sequence: view.readUInt32LE(at + 8),
      header: view.toString('hex', at + 16, body),
      attributes: attributes(view.subarray(body, at + length), grammar, []),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

function attributes(bytes: Buffer, grammar: Grammar, path: readonly number[]): Tree {
  const out: [number, string, string | Tree][] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt16LE(at);
    const raw = bytes.readUInt16LE(at + 2);
    if (length < 4 || at + length > bytes.length) {
      throw new Error(`attribute at ${path.join('.')} has length ${String(length)}`);
    }
    const type = raw & 0x3fff;
    const here = [...path, type];
    const flagged = (raw & NESTED) !== 0;
    const name =
      String(type) + (flagged && grammar.flagsNests ? '+nested' : '') + (raw & NET_BYTEORDER ? '+be' : '');
    const payload = bytes.subarray(at + 4, at + length);
    const nested = grammar.isNest(here, flagged);
    out.push([type, name, nested ? attributes(payload, grammar, here) : payload.toString('hex')]);
    at += (length + 3) & ~3;
  }
  return out.sort((a, b) => a[0] - b[0]).map(([, name, value]) => [name, value] as const);
}

/** The same tree without the attributes at those paths (`7+nested.9`). */
export function without(tree: Tree, ...paths: readonly string[]): Tree {
  const prune = (nodes: Tree, prefix: string): Tree =>
    nodes
      .filter(([name]) => !paths.includes(prefix + name))
      .map(
        ([name, value]) =>
          [name, typeof value === 'string' ? value : prune(value, `${prefix}${name}.`)] as const,
      );
  return prune(tree, '');
}

/** The same tree with a payload replaced. */
export function mapped(tree: Tree, path: string, change: (payload: string) => string): Tree {
  const walk = (nodes: Tree, prefix: string): Tree =>
    nodes.map(([name, value]) => {
      if (typeof value !== 'string') return [name, walk(value, `${prefix}${name}.`)] as const;
      return [name, prefix + name === path ? change(value) : value] as const;
    });
  return walk(tree, '');
}
