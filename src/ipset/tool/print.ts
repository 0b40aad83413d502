import type { SetHeader } from '../types.js';

/** A word of a header or of an entry with its value; a flag has none. */
export type Field = readonly [name: string, value: string | undefined];

/** Options of a set in the order of ipset(8). */
export function headerFields(header: SetHeader): Field[] {
  const fields: Field[] = [];
  const put = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) fields.push([name, String(value)]);
  };
  const masksLast = header.type === 'hash:ip,port' || header.type === 'hash:net,net';
  put('range', header.range?.join('-'));
  if (header.type !== 'hash:mac') put('family', header.type.startsWith('hash:') ? header.family : undefined);
  put('markmask', header.markMask === undefined ? undefined : hex32(header.markMask));
  put('hashsize', header.hashSize);
  put('maxelem', header.maxElements);
  put('size', header.size);
  if (!masksLast) {
    put('netmask', header.netmask);
    put('bitmask', header.bitmask);
  }
  put('timeout', header.timeout);
  for (const flag of ['counters', 'comment', 'forceadd', 'skbinfo'] as const) {
    if (header[flag] === true) fields.push([flag, undefined]);
  }
  put('bucketsize', header.bucketSize);
  put('initval', header.initialValue === undefined ? undefined : hex32(header.initialValue));
  if (masksLast) {
    put('bitmask', header.bitmask);
    put('netmask', header.netmask);
  }
  return fields;
}

function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

/** `name value` pairs and flags of an entry as listings have it. */
export function entryFields(text: string): { readonly element: string; readonly fields: readonly Field[] } {
  const blank = text.indexOf(' ');
  if (blank < 0) return { element: text, fields: [] };
  const fields: Field[] = [];
  for (const [, name = '', value] of text
    .slice(blank)
    .matchAll(/ (nomatch|wildcard|[a-z]+ ("[^"]*"|\S+))/g)) {
    fields.push(value === undefined ? [name, undefined] : [name.slice(0, name.indexOf(' ')), value]);
  }
  return { element: text.slice(0, blank), fields };
}

/** The `create` line of `ipset save`. */
export function createLine(header: SetHeader): string {
  const words = headerFields(header).flatMap(([name, value]) =>
    value === undefined ? [name] : [name, value],
  );
  return ['create', header.name, header.type, ...words].join(' ');
}

/** How sets and their entries are written in one form. Texts end with their line. */
export interface Printer {
  /** In front of the first set and behind the last, whatever there is. */
  readonly begin: string;
  readonly end: string;
  /** Between two sets. */
  readonly between: string;
  name(name: string): string;
  header(header: SetHeader): string;
  /** In front of the entries. */
  readonly members: string;
  entry(set: string, text: string, first: boolean): string;
  /** Behind the entries. */
  readonly afterMembers: string;
  /** Behind a set. */
  readonly afterSet: string;
}

const plain: Printer = {
  begin: '',
  end: '',
  between: '\n',
  name: (name) => `${name}\n`,
  header(header) {
    const words = headerFields(header).flatMap(([name, value]) =>
      value === undefined ? [name] : [name, value],
    );
    return [
      `Name: ${header.name}`,
      `Type: ${header.type}`,
      `Revision: ${header.revision}`,
      `Header: ${words.join(' ')}`,
      `Size in memory: ${header.memorySize}`,
      `References: ${header.references}`,
      `Number of entries: ${header.elements}\n`,
    ].join('\n');
  },
  members: 'Members:\n',
  entry: (_set, text) => `${text}\n`,
  afterMembers: '',
  afterSet: '',
};

const save: Printer = {
  begin: '',
  end: '',
  between: '',
  name: (name) => `${name}\n`,
  header: (header) => `${createLine(header)}\n`,
  members: '',
  entry: (set, text) => `add ${set} ${text}\n`,
  afterMembers: '',
  afterSet: '',
};

const xml: Printer = {
  begin: '<ipsets>\n',
  end: '</ipsets>\n',
  between: '',
  name: (name) => `<ipset name="${escapeXml(name)}"/>\n`,
  header(header) {
    const element = ([name, value]: Field): string =>
      value === undefined ? `<${name}/>` : `<${name}>${value}</${name}>`;
    return [
      `<ipset name="${escapeXml(header.name)}">`,
      `<type>${header.type}</type>`,
      `<revision>${header.revision}</revision>`,
      `<header>${headerFields(header).map(element).join('')}`,
      `<memsize>${header.memorySize}</memsize>`,
      `<references>${header.references}</references>`,
      `<numentries>${header.elements}</numentries>`,
      '</header>\n',
    ].join('\n');
  },
  members: '<members>\n',
  entry(_set, text) {
    const { element, fields } = entryFields(text);
    const options = fields.map(([name, value]) =>
      value === undefined ? `<${name}/>` : `<${name}>${escapeXml(value)}</${name}>`,
    );
    return `<member><elem>${escapeXml(element)}</elem>${options.join('')}</member>\n`;
  },
  afterMembers: '</members>\n',
  afterSet: '</ipset>\n',
};

/** The tool leaves these as they are, so that its output is no XML when a comment has them. */
function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Values that are no numbers in JSON. */
const JSON_TEXT: ReadonlySet<string> = new Set([
  ...['family', 'range', 'bitmask', 'initval', 'markmask', 'comment', 'skbmark', 'skbprio'],
]);

function jsonValue(name: string, value: string | undefined): string {
  if (value === undefined) return 'true';
  if (!JSON_TEXT.has(name)) return value;
  return value.startsWith('"') ? JSON.stringify(value.slice(1, -1)) : JSON.stringify(value);
}

function jsonLines(indent: string, fields: readonly (readonly [string, string])[]): string {
  return fields.map(([name, value]) => `${indent}${JSON.stringify(name)} : ${value}`).join(',\n');
}

const json: Printer = {
  begin: '[\n',
  end: '\n]\n',
  between: ',\n',
  name: (name) => `  {\n    "name" : ${JSON.stringify(name)}\n  }`,
  header(header) {
    const fields = headerFields(header).map(([name, value]) => [name, jsonValue(name, value)] as const);
    return [
      '  {',
      `    "name" : ${JSON.stringify(header.name)},`,
      `    "type" : ${JSON.stringify(header.type)},`,
      `    "revision" : ${header.revision},`,
      '    "header" : {',
      jsonLines('      ', [
        ...fields,
        ['memsize', String(header.memorySize)],
        ['references', String(header.references)],
        ['numentries', String(header.elements)],
      ]),
      '    }',
    ].join('\n');
  },
  members: ',\n    "members" : [',
  entry(_set, text, first) {
    const { element, fields } = entryFields(text);
    const lines = jsonLines('        ', [
      ['elem', JSON.stringify(element)],
      ...fields.map(([name, value]) => [name, jsonValue(name, value)] as const),
    ]);
    return `${first ? '' : ','}\n      {\n${lines}\n      }`;
  },
  afterMembers: '\n    ]',
  afterSet: '\n  }',
};

/** The forms of `-output`. */
export const PRINTERS: Readonly<Record<'plain' | 'save' | 'xml' | 'json', Printer>> = {
  plain,
  save,
  xml,
  json,
};
