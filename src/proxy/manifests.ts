import { type Document, LineCounter, parseAllDocuments } from 'yaml';
import { isValidation, ValidationError } from '../errors.js';
import { below, isObject, type Json, optionalText } from './fields.js';
import type { EndpointSlice, Service, Source } from './model.js';
import { objectName } from './model.js';
import { parseService } from './parse-service.js';
import { parseSlice } from './parse-slice.js';

/** A file, or what came from elsewhere under a name of its own. */
export interface ManifestText {
  /** As it is to be called in messages: a path, `stdin`. */
  readonly file: string;
  /** YAML with any number of documents, or JSON. */
  readonly text: string;
}

/** An object that cannot be used. */
export interface Problem {
  /** `Service shop/web`, or `FILE document 2` for what is not even an object. */
  readonly object: string;
  /** `spec.ports[0].protocol`; empty when it is about the whole. */
  readonly path: string;
  /** `expected one of TCP, UDP, SCTP, received "ICMP"` */
  readonly reason: string;
  readonly file: string;
  /** Line of the bad field, or of the closest thing around it; from 1. */
  readonly line: number;
  /**
   * The text itself could not be read, or holds a kind that there is none of, so nobody knows which objects are meant. To go on would mean to take those away that it was
   * to keep.
   */
  readonly unreadable: boolean;
}

/** An object that is left out on purpose. */
export interface Note {
  /** `Deployment shop/web` */
  readonly object: string;
  readonly reason: string;
  /** True for what nobody expects to be used: the slices of headless Services. */
  readonly intended: boolean;
}

/** What manifests hold. */
export interface Manifests {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly problems: readonly Problem[];
  readonly ignored: readonly Note[];
  /**
   * Texts that hold no document at all, by their file. A list without items is a document, and says that there are no objects; an empty text says
   * nothing, and may be what a program that failed has left.
   */
  readonly empty: readonly string[];
}

/** Bad objects as an error: what `--strict` makes of them. */
export class ManifestError extends ValidationError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const [first] = problems;
    super(first?.object ?? 'manifests', 'valid objects', first?.path ?? '');
    this.message = problems.map(formatProblem).join('\n');
    this.problems = problems;
  }
}

/** `cluster.yaml:12: Service shop/web: spec.ports[0].protocol: expected …` */
export function formatProblem({ file, line, object, path, reason }: Problem): string {
  return `${file}:${line}: ${object}: ${path === '' ? '' : `${path}: `}${reason}`;
}

/** `expected …, received …` without the path, which a problem has by itself. */
function reasonOf(err: ValidationError): string {
  return err.message.slice(err.path.length + 2);
}

/** `spec.ports[0].name` as keys. Keys with dots in them only cost precision of the line. */
function keysOf(path: string): (string | number)[] {
  return [...path.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, key]) =>
    index === undefined ? (key ?? '') : Number(index),
  );
}

/** Documents of a text and the way back from a path to a line. */
class Documents {
  readonly #lines = new LineCounter();
  readonly documents: readonly Document.Parsed[];

  constructor(text: string) {
    this.documents = parseAllDocuments(text, {
      lineCounter: this.#lines,
      logLevel: 'error',
    }) as Document.Parsed[];
  }

  lineAt(offset: number): number {
    return this.#lines.linePos(offset).line;
  }

  /** Line of the node at a path, or of the closest one above it that exists. */
  lineOf(index: number, path: string): number {
    const document = this.documents[index];
    for (const keys = keysOf(path); ; keys.pop()) {
      const node: unknown = keys.length === 0 ? document?.contents : document?.getIn(keys, true);
      if (isObject(node) && Array.isArray(node['range'])) return this.lineAt(Number(node['range'][0]));
      if (keys.length === 0) return this.lineAt(document?.range[0] ?? 0);
    }
  }
}

/** One document as plain data, and where its fields are. */
interface Read {
  readonly source: Source;
  readonly value: unknown;
  readonly lineOf: (path: string) => number;
}

/** JSON is read by the engine, many times faster than by the YAML parser, which is only asked for lines when they are needed. */
function readJson({ file, text }: ManifestText): Read[] | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    let documents: Documents | undefined;
    const lineOf = (path: string): number => (documents ??= new Documents(text)).lineOf(0, path);
    return [{ source: { file, document: 1 }, value, lineOf }];
  } catch {
    // YAML in flow style, several JSON documents, or broken: the YAML parser knows, and says where.
    return undefined;
  }
}

function readYaml({ file, text }: ManifestText, problems: Problem[]): Read[] {
  const documents = new Documents(text);
  const reads: Read[] = [];
  for (const [i, document] of documents.documents.entries()) {
    const source = { file, document: i + 1 };
    const unreadable = (reason: string, line: number): void =>
      void problems.push({
        object: `${file} document ${i + 1}`,
        path: '',
        reason,
        file,
        line,
        unreadable: true,
      });
    const [error] = document.errors;
    if (error !== undefined) {
      const [what = ''] = error.message.split('\n');
      unreadable(`not YAML: ${what.replace(/:$/, '')}`, documents.lineAt(error.pos[0]));
      continue;
    }
    try {
      const value: unknown = document.toJS();
      reads.push({ source, value, lineOf: (path) => documents.lineOf(i, path) });
    } catch (err) {
      // Aliases that lead nowhere or multiply without end.
      unreadable(`not YAML: ${err instanceof Error ? err.message : String(err)}`, documents.lineOf(i, ''));
    }
  }
  return reads;
}

/** `v1 Service` and the like: what is known of an object's kind. */
const SERVICE = 'v1 Service';
const KINDS: ReadonlyMap<string, string> = new Map([
  ['Service', 'v1'],
  ['EndpointSlice', 'discovery.k8s.io/v1'],
]);

/** Kinds of the groups that we read from, lists aside: what else calls itself one of them is misspelt. */
const KINDS_OF: ReadonlyMap<string, readonly string[]> = new Map([
  [
    'v1',
    [
      'Binding',
      'ComponentStatus',
      'ConfigMap',
      'Endpoints',
      'Event',
      'LimitRange',
      'Namespace',
      'Node',
      'PersistentVolume',
      'PersistentVolumeClaim',
      'Pod',
      'PodTemplate',
      'ReplicationController',
      'ResourceQuota',
      'Secret',
      'Service',
      'ServiceAccount',
    ],
  ],
  ['discovery.k8s.io/v1', ['EndpointSlice']],
]);

/** Whether a group that we read from has no such kind: to go on without a `Servcie` would take the Service away. */
function isMisspelt(kind: string, version: string | undefined): boolean {
  const kinds = version === undefined ? undefined : KINDS_OF.get(version);
  return kinds !== undefined && kind !== 'List' && !kinds.includes(kind.replace(/List$/, ''));
}

class Reader {
  readonly services = new Map<string, Service>();
  readonly slices = new Map<string, EndpointSlice>();
  readonly problems: Problem[] = [];
  readonly ignored: Note[] = [];
  readonly empty: string[] = [];

  text(manifest: ManifestText): void {
    const before = this.problems.length;
    // Empty documents: `---` at the end, a file of comments.
    const reads = (readJson(manifest) ?? readYaml(manifest, this.problems)).filter(
      ({ value }) => value !== null && value !== undefined,
    );
    if (reads.length === 0 && this.problems.length === before) this.empty.push(manifest.file);
    for (const read of reads) {
      if (isObject(read.value)) this.#object(read.value, '', read, '');
      else if (Array.isArray(read.value)) this.#items(read.value, '', read, '');
      else this.#unreadable(read, 'it holds a bare value, not Kubernetes objects');
    }
  }

  #unreadable({ source: { file, document }, lineOf }: Read, reason: string): void {
    const object = `${file} document ${document}`;
    this.problems.push({ object, path: '', reason, file, line: lineOf(''), unreadable: true });
  }

  #items(items: readonly unknown[], path: string, read: Read, implied: string): void {
    for (const [i, item] of items.entries()) {
      const at = `${path}[${i}]`;
      if (isObject(item)) this.#object(item, at, read, implied);
      else this.#problem(`item ${at}`, new ValidationError('', 'a Kubernetes object', item), at, read);
    }
  }

  /** Items may be null, as Go writes an empty list, but not missing: nobody knows which objects were to be there. */
  #list(list: Json, name: string, at: string, read: Read, implied: string): void {
    const items = list['items'] === null ? [] : list['items'];
    if (Array.isArray(items)) this.#items(items, below(at, 'items'), read, implied);
    else this.#problem(name, new ValidationError('items', 'a list', items), at, read, true);
  }

  /** @param implied kind of the items of a typed list (`ServiceList`), which have none themselves */
  #object(object: Json, at: string, read: Read, implied: string): void {
    const kind = typeof object['kind'] === 'string' ? object['kind'] : implied.split(' ')[1];
    const version = typeof object['apiVersion'] === 'string' ? object['apiVersion'] : implied.split(' ')[0];
    const name = nameOf(kind ?? 'object', object);
    try {
      if (kind === undefined)
        throw new ValidationError('kind', 'a Kubernetes object with a kind', object['kind']);
      const item = kind.replace(/List$/, '');
      if (item !== kind && (item === '' || KINDS.has(item) || Array.isArray(object['items']))) {
        this.#list(object, name, at, read, `${version ?? ''} ${item}`);
        return;
      }
      const known = KINDS.get(kind);
      if (known === undefined) {
        if (isMisspelt(kind, version)) {
          const err = new ValidationError('kind', `a kind of ${version ?? ''}`, kind);
          this.#problem(name, err, at, read, true);
          return;
        }
        this.ignored.push({ object: name, reason: `kind ${kind} is not used`, intended: false });
        return;
      }
      if (version !== known) throw new ValidationError('apiVersion', known, version);
      const added =
        `${known} ${kind}` === SERVICE ? this.#service(object, read) : this.#slice(object, name, read);
      if (!added) throw new ValidationError('metadata.name', 'each object once', name);
    } catch (err) {
      if (!isValidation(err)) throw err;
      this.#problem(name, err, at, read);
    }
  }

  #service(object: Json, { source }: Read): boolean {
    const service = parseService(object, source);
    return addNew(this.services, objectName(service), service);
  }

  #slice(object: Json, name: string, { source }: Read): boolean {
    const parsed = parseSlice(object, source);
    if (parsed.slice !== undefined) return addNew(this.slices, objectName(parsed.slice), parsed.slice);
    this.ignored.push({ object: name, reason: parsed.ignored, intended: parsed.intended });
    return true;
  }

  #problem(
    object: string,
    err: ValidationError,
    at: string,
    { source, lineOf }: Read,
    unreadable = false,
  ): void {
    const line = lineOf([at, err.path].filter((part) => part !== '').join('.'));
    this.problems.push({
      object,
      path: err.path,
      reason: err.path === '' ? err.message.replace(/^: /, '') : reasonOf(err),
      file: source.file,
      line,
      unreadable,
    });
  }
}

function addNew<T>(map: Map<string, T>, key: string, value: T): boolean {
  if (map.has(key)) return false;
  map.set(key, value);
  return true;
}

/** What an object calls itself, however broken the rest of it may be. */
function nameOf(kind: string, object: Json): string {
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  const text = (key: string): string | undefined => {
    try {
      return optionalText(metadata, key, '');
    } catch {
      return undefined;
    }
  };
  return `${kind} ${text('namespace') ?? 'default'}/${text('name') ?? '?'}`;
}

/**
 * Read Services and EndpointSlices from YAML and JSON: several documents, `List`, `ServiceList`, `EndpointSliceList`. Bad objects
 * are reported and left out, objects of other kinds noted. Never throws for what the texts hold.
 */
export function readManifests(texts: Iterable<ManifestText>): Manifests {
  const reader = new Reader();
  for (const text of texts) reader.text(text);
  return {
    services: [...reader.services.values()],
    slices: [...reader.slices.values()],
    problems: reader.problems,
    ignored: reader.ignored,
    empty: reader.empty,
  };
}
