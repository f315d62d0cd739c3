// What Chevrotain uses of lodash, in the language's own terms: lodash itself is a tenth of the shell's start-up image. Collections are
// arrays or plain objects, iteratees are functions. Were Chevrotain to ask for more, the build would say so.
const listed = (collection) => (collection == null ? [] : isArray(collection) ? collection : Object.values(collection));
const keyed = (collection) => (isArray(collection) ? collection.map((_, i) => i) : keys(collection));

export const { isArray } = Array;
export const isFunction = (value) => typeof value === 'function';
export const isObject = (value) => value !== null && (typeof value === 'object' || typeof value === 'function');
export const isRegExp = (value) => value instanceof RegExp;
export const isString = (value) => typeof value === 'string';
export const isUndefined = (value) => value === undefined;
export const isEmpty = (value) => value == null || (value.length ?? value.size ?? keys(value).length) === 0;
export const identity = (value) => value;
export const noop = () => {};

export const { assign } = Object;
export const has = (object, key) => object != null && Object.hasOwn(object, key);
export const keys = (object) => (object == null ? [] : Object.keys(object));
export const values = (object) => (object == null ? [] : Object.values(object));
export const clone = (value) => (isArray(value) ? value.slice() : isObject(value) ? { ...value } : value);
export const pickBy = (object, test) =>
  Object.fromEntries(Object.entries(object ?? {}).filter(([, value]) => test(value)));
export function defaults(object, ...sources) {
  for (const source of sources)
    for (const key of keys(source)) if (object[key] === undefined) object[key] = source[key];
  return object;
}

/** Ends where the iteratee gives `false`. */
export function forEach(collection, iteratee) {
  const list = listed(collection);
  const names = collection == null ? [] : keyed(collection);
  for (let i = 0; i < list.length; i++) if (iteratee(list[i], names[i], collection) === false) break;
  return collection;
}
export function map(collection, iteratee) {
  const names = collection == null ? [] : keyed(collection);
  return Array.from(listed(collection), (value, i) => iteratee(value, names[i], collection));
}
export function reduce(collection, iteratee, start) {
  let result = start;
  forEach(collection, (value, key) => {
    result = iteratee(result, value, key);
  });
  return result;
}
export const filter = (collection, test) => listed(collection).filter((value) => test(value));
export const reject = (collection, test) => listed(collection).filter((value) => !test(value));
export const find = (collection, test) => listed(collection).find((value) => test(value));
export const every = (collection, test) => listed(collection).every((value) => test(value));
export const some = (collection, test) => listed(collection).some((value) => test(value));
export const includes = (collection, value) => listed(collection).includes(value);
export const indexOf = (list, value) => list.indexOf(value);
export const flatMap = (collection, iteratee) => map(collection, iteratee).flat();
export const flatten = (list) => listed(list).flat();
export const compact = (list) => listed(list).filter(Boolean);
export const difference = (list, other) => listed(list).filter((value) => !other.includes(value));
export const uniq = (list) => [...new Set(list)];
export const first = (list) => list?.[0];
export const last = (list) => list?.[list.length - 1];
export const drop = (list, count = 1) => listed(list).slice(count);
export const dropRight = (list, count = 1) => listed(list).slice(0, Math.max(0, list.length - count));
export function groupBy(collection, iteratee) {
  const groups = {};
  for (const value of listed(collection)) (groups[iteratee(value)] ??= []).push(value);
  return groups;
}
