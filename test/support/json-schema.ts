import { isDeepStrictEqual } from 'node:util';

type Schema = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const schemaOf = (value: unknown): Schema => (isObject(value) ? value : {});

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  integer: Number.isInteger,
};

/** Keywords that are understood; any other one is an error, so that nothing passes because it is not looked at. */
const KNOWN = [
  '$schema',
  '$id',
  '$defs',
  '$ref',
  'title',
  'description',
  'type',
  'enum',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'maxItems',
  'uniqueItems',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
];

/** Where a value is not what a JSON Schema says; the part of the language that schemas of this project use. */
export function schemaErrors(root: unknown, value: unknown): string[] {
  const errors: string[] = [];
  const check = (schema: Schema, at: string, held: unknown): void => {
    const fail = (why: string): void => void errors.push(`${at}: ${why}`);
    for (const key of Object.keys(schema))
      if (!KNOWN.includes(key)) throw new Error(`the schema says ${key}, which is not understood`);
    const { $ref, type, enum: words, properties, required, additionalProperties, items } = schema;
    if (typeof $ref === 'string') {
      const target = $ref
        .split('/')
        .slice(1)
        .reduce<unknown>((part, key) => schemaOf(part)[key], root);
      if (!isObject(target)) throw new Error(`there is no ${$ref}`);
      check(target, at, held);
    }
    if (typeof type === 'string' && TYPES[type]?.(held) !== true) {
      fail(`no ${type}`);
      return;
    }
    if (Array.isArray(words) && !words.some((word) => isDeepStrictEqual(word, held)))
      fail(`${JSON.stringify(held)} is none of ${JSON.stringify(words)}`);
    if (isObject(held)) {
      for (const key of Array.isArray(required) ? required.map(String) : [])
        if (!Object.hasOwn(held, key)) fail(`${key} is missing`);
      for (const [key, part] of Object.entries(held)) {
        const known = schemaOf(properties);
        if (Object.hasOwn(known, key)) check(schemaOf(known[key]), `${at}.${key}`, part);
        else if (additionalProperties === false) fail(`${key} is unknown`);
        else if (isObject(additionalProperties)) check(additionalProperties, `${at}.${key}`, part);
      }
    }
    if (Array.isArray(held)) {
      if (isObject(items)) held.forEach((item, i) => check(items, `${at}[${i}]`, item));
      if (typeof schema['maxItems'] === 'number' && held.length > schema['maxItems']) fail('too many');
      if (schema['uniqueItems'] === true && new Set(held).size !== held.length) fail('twice the same');
    }
    if (typeof held === 'number') {
      if (typeof schema['minimum'] === 'number' && held < schema['minimum']) fail('too small');
      if (typeof schema['maximum'] === 'number' && held > schema['maximum']) fail('too big');
    }
    if (typeof held === 'string') {
      if (typeof schema['minLength'] === 'number' && held.length < schema['minLength']) fail('too short');
      if (typeof schema['maxLength'] === 'number' && held.length > schema['maxLength']) fail('too long');
      if (typeof schema['pattern'] === 'string' && !new RegExp(schema['pattern']).test(held))
        fail('malformed');
    }
  };
  check(schemaOf(root), '$', value);
  return errors;
}
