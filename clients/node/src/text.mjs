/** Small helpers: text that a record may hold, JSON, addresses, time. */

import { setTimeout as pause } from 'node:timers/promises';

const CONTROL = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** A text that a record's field may hold, or undefined. */
export function plainText(value, most = 256) {
  return typeof value === 'string' && value !== '' && value.length <= most && !CONTROL.test(value) ? value : undefined;
}

/** An id as the text of a record: a number becomes its decimal text. */
export function idText(id) {
  if (typeof id === 'bigint' || Number.isInteger(id)) return BigInt(id).toString();
  return Number.isFinite(id) ? String(id) : id;
}

/** An identifier such as a model's name or an error's code; undefined for anything that may be prose. */
export function plainName(value) {
  return typeof value === 'string' && /^[A-Za-z0-9][\w.:/@-]{0,127}$/.test(value) ? value : undefined;
}

/** Whether a value is a JSON object. */
export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value of a JSON text; the text itself when it is not JSON. */
export function tryJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** An event as JSON, without the members that JSON cannot hold. */
export function jsonOf(event) {
  try {
    return JSON.stringify(event);
  } catch {
    const kept = (members) => Object.fromEntries(Object.entries(members).filter(([, value]) => isJson(value)));
    return JSON.stringify({ ...kept(event), attributes: kept(event.attributes ?? {}) });
  }
}

function isJson(value) {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false; // a bigint, or a circle
  }
}

/** The address of a call, without userinfo, query and fragment. */
export function cleanEndpoint(text, domainOnly = false) {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.host === '') return url.protocol;
  return domainOnly ? url.hostname : `${url.protocol}//${url.host}${url.pathname}`;
}

/** The media type of a Content-Type header, without its parameters. */
export function mediaType(contentType) {
  return plainText(contentType?.split(';', 1)[0].trim().toLowerCase(), 255);
}

/** The milliseconds that a Retry-After header asks for. */
export function retryAfter(text) {
  if (!text) return undefined;
  const ms = /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, Math.round(ms)) : undefined;
}

/** The result of `work`, or undefined when that takes longer than `ms`. */
export function within(work, ms) {
  const timer = new AbortController();
  return Promise.race([work, pause(ms, undefined, { signal: timer.signal })]).finally(() => timer.abort());
}

/** Whether a body is a buffer. */
export function isBytes(body) {
  return ArrayBuffer.isView(body) || body instanceof ArrayBuffer || body instanceof SharedArrayBuffer;
}

/** A body that is there as a whole, as bytes. Shares memory with a buffer. */
export function bytesOf(body) {
  if (!isBytes(body)) return Buffer.from(String(body ?? ''));
  return ArrayBuffer.isView(body) ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength) : new Uint8Array(body);
}
