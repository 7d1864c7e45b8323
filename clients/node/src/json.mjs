/** One JSON text, read strictly, and its RFC 8785 form without the values of secret fields. */

import { isUtf8 } from 'node:buffer';
import { JsonShape, firstOf } from './shape.mjs';
import { FIELDS_1 } from './tables.mjs';

const PLACEHOLDER = '***REDACTED***';
const MAX_DEPTH = 128;
/** A lenient decoder that gives up at this depth has read an object or an array until then. */
const LENIENT_DEPTH = 900;

/** Why a payload that looks like JSON has no digest. Its message holds none of the payload. */
export class Undigestible extends Error {}

/**
 * The value of a JSON text, and the form that is digested. Throws `Undigestible` for a key twice, a lone surrogate, a
 * number beyond a double and more than 128 levels.
 */
export function decodeJson(bytes) {
  let text, value;
  try {
    if (!isUtf8(bytes)) throw new SyntaxError();
    text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
    value = JSON.parse(text);
  } catch {
    throw new Undigestible('is not JSON');
  }
  const walk = { maySurrogate: /\\u[dD][89a-fA-F]/.test(text), hiddenColons: 0 };
  const form = digestForm(value, walk, 0);
  // JSON.parse keeps the last of two equal keys, so that a colon is missing from what it read.
  let colons = count(text, ':');
  if (text.includes('\\u003')) colons += text.replaceAll('\\\\', '').match(/\\u003a/gi)?.length ?? 0;
  if (colons !== count(form, ':') + walk.hiddenColons) throw new Undigestible('has an object with the same key twice');
  return { value, form };
}

/** RFC 8785. A secret value is checked like any other; only its colons are kept, for the count above. */
function digestForm(value, walk, depth) {
  if (typeof value === 'string') return writtenText(value, walk);
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'number' && !Number.isFinite(value)) throw new Undigestible('is not JSON');
    return String(value);
  }
  if (depth >= MAX_DEPTH) throw new Undigestible('is nested too deep');
  let form = '';
  if (Array.isArray(value)) {
    for (const item of value) form += `${form === '' ? '[' : ','}${digestForm(item, walk, depth + 1)}`;
    return form === '' ? '[]' : `${form}]`;
  }
  const keys = Object.keys(value);
  if (keys.some((key, at) => at > 0 && keys[at - 1] > key)) keys.sort();
  for (const key of keys) {
    const { written, isSecret } = knownName(key, walk);
    let inner = digestForm(value[key], walk, depth + 1);
    if (isSecret) {
      walk.hiddenColons += count(inner, ':');
      inner = `"${PLACEHOLDER}"`;
    }
    form += (form === '' ? '{' : ',') + written + inner;
  }
  return form === '' ? '{}' : `${form}}`;
}

function writtenText(text, walk) {
  if (walk.maySurrogate && /\p{Surrogate}/u.test(text)) throw new Undigestible('is not JSON');
  return JSON.stringify(text);
}

const knownNames = new Map();

/** A key as it is written, and whether its value stays out of a digest. */
function knownName(name, walk) {
  let known = knownNames.get(name);
  if (known === undefined) {
    const folded = name.replace(/[-_. ]/g, '').replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    known = { written: `${writtenText(name, walk)}:`, isSecret: FIELDS_1.has(folded) };
    if (name.length > 64) return known;
    if (knownNames.size >= 4096) knownNames.clear();
    knownNames.set(name, known);
  }
  return known;
}

function count(text, mark) {
  let found = 0;
  for (let at = text.indexOf(mark); at !== -1; at = text.indexOf(mark, at + 1)) found += 1;
  return found;
}

/** Whether a decoder less strict than ours would find an object or an array. */
export function isLooseJson(bytes) {
  const first = bytes[firstOf(bytes)];
  if (first !== 0x7b && first !== 0x5b) return false; // neither { nor [
  const encodings = bytes[1] === 0 ? ['utf-8', 'utf-16le'] : ['utf-8'];
  return encodings.some((encoding) => isLooseText(new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes)));
}

/** Such a decoder takes NaN, infinities, and control characters in strings. */
function isLooseText(text) {
  const content = text.replace(/^[ \t\r\n\ufeff]+/, '');
  let strict = content.replace(/[\t\r\n]/g, ' ').replace(/[\x00-\x1f]/g, 'x');
  if (/NaN|Infinity/.test(strict)) strict = withoutConstants(strict);
  try {
    JSON.parse(strict);
    return true;
  } catch {
    const shape = new JsonShape();
    shape.feed(Buffer.from(content));
    return shape.deepest > LENIENT_DEPTH;
  }
}

/** A JSON text with null in place of NaN and infinities outside of strings, in linear time. */
function withoutConstants(text) {
  const parts = text.replace(/\\[^]/g, 'xx').split('"');
  let plain = '';
  let at = 0;
  parts.forEach((part, index) => {
    const piece = text.slice(at, at + part.length);
    plain += (index % 2 === 0 ? piece.replace(/-?Infinity|NaN/g, 'null') : piece) + (index < parts.length - 1 ? '"' : '');
    at += part.length + 1;
  });
  return plain;
}
