/** A value that has no JSON form; `path` says where it stands, as a JSON pointer. */
export class NotJsonError extends TypeError {
  readonly code = 'not_json';
  readonly path: string;
  constructor(path: string, what: string) {
    super(`${path === '' ? 'the value' : path} is ${what}, which JSON cannot express`);
    this.name = 'NotJsonError';
    this.path = path;
  }
}

const MOST_LEVELS = 200;

/**
 * The canonical JSON text of a value by RFC 8785: no spaces, keys in the order of their UTF-16 units, numbers and strings as
 * ECMAScript writes them. Strings stay as they are given, without Unicode normalisation. Dates and other values with a `toJSON`
 * count as what that gives.
 *
 * Where JSON.stringify leaves out or alters (undefined, NaN, functions, maps, lone surrogates, cycles) this throws NotJsonError:
 * two different values must not have one text.
 */
export function canonicalJson(value: unknown): string {
  return write(value, '', new Set());
}

function write(value: unknown, path: string, within: Set<object>): string {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw new NotJsonError(path, 'a string with half a character');
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw new NotJsonError(path, String(value));
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      return value === null ? 'null' : writeObject(value, path, within);
    case 'undefined':
      throw new NotJsonError(path, 'undefined');
    default:
      throw new NotJsonError(path, `a ${typeof value}`);
  }
}

function writeObject(value: object, path: string, within: Set<object>): string {
  if (within.has(value)) throw new NotJsonError(path, 'a part of itself');
  if (within.size >= MOST_LEVELS) throw new NotJsonError(path, `nested deeper than ${MOST_LEVELS} levels`);
  within.add(value);
  try {
    if ('toJSON' in value && typeof value.toJSON === 'function') {
      const given = (value.toJSON as (key: string) => unknown)('');
      return write(given, path, within);
    }
    if (Array.isArray(value)) {
      // By index: map would leave the holes of a sparse array out.
      return `[${Array.from(value, (item: unknown, n) => write(item, `${path}/${n}`, within)).join(',')}]`;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
      throw new NotJsonError(path, `a ${value.constructor?.name || 'class instance'}`);
    const fields = Object.keys(value)
      .toSorted((a, b) => (a < b ? -1 : 1))
      .map((key) => {
        const at = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
        return `${write(key, at, within)}:${write((value as Record<string, unknown>)[key], at, within)}`;
      });
    return `{${fields.join(',')}}`;
  } finally {
    within.delete(value);
  }
}
