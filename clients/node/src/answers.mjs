/** What the answer of a model or a tool reports about itself. `outcome` is never success: that follows from the status. */

import { ANSWERS, BLOCKED_REASONS, FAILED_REASONS } from './tables.mjs';
import { isObject, plainName, tryJson } from './text.mjs';

const BLOCKED = 'policy-blocked';
const THROTTLED_CODE = new RegExp(`^(?:${ANSWERS.throttled_code})$`);
const TELLING = new RegExp(ANSWERS.telling);
const ERROR_CODE = /^(?:[A-Za-z][A-Za-z_.-]{1,63}|[1-9][0-9]{2})$/;
const SSE = 'text/event-stream';
const AWS_STREAM = 'application/vnd.amazon.eventstream';
/** Media types of streams whose events are read. */
export const READ_TYPES = new Set([SSE, AWS_STREAM, ...ANSWERS.line_types]);
/** In bytes. A longer event is skipped. */
const MAX_EVENT_BYTES = 32 * 1024 * 1024;
/** The first events are always read: they show which protocol it is. */
const FIRST_EVENTS = 8;
const AWS_NAME = /:(event|exception|message)-type\x07\x00[^]([A-Za-z-]{1,60})/g;
const AWS_PREFIX = 12;
const AWS_CRC = 4;

export class AnswerSummary {
  model;
  tokens = {};
  outcome;
  code; // of the error
  reason; // why the answer ended, where that is not an error

  get isFailed() {
    return this.outcome !== undefined && this.outcome !== BLOCKED;
  }

  /** Read one JSON document. A later count replaces an earlier one, unless it is zero. */
  read(value) {
    // A list: Gemini's stream as one document.
    for (const item of Array.isArray(value) ? value : [value]) {
      if (!isObject(item)) continue;
      for (const part of [item, ...ANSWERS.inner.map((name) => item[name])].filter(isObject)) {
        this.model ??= plainName(part.model ?? part.modelVersion);
        for (const name of ANSWERS.usages) this.count(part[name]);
      }
      for (const [kind, name] of Object.entries(ANSWERS.ollama)) this.keepCount(kind, item[name]);
      if (!this.isFailed) this.judge(item);
    }
  }

  /** The answer is an error. */
  fail(code) {
    if (this.isFailed) return;
    const kind = typeof code === 'string' || typeof code === 'number' ? String(code) : '';
    const word = foldedWord(kind);
    this.outcome = THROTTLED_CODE.test(word) ? 'throttled' : BLOCKED_REASONS.has(word) ? BLOCKED : 'error';
    this.code = ERROR_CODE.test(kind) ? kind : undefined;
  }

  /** Look for an error, and for the reason why the answer ended. */
  judge(item) {
    for (const name of ['', 'response', 'delta', 'result']) {
      const part = name === '' ? item : item[name];
      if (!isObject(part)) continue;
      if (name !== 'result' && isError(part.error)) return this.fail(codeOf(part.error));
      if (part.isError === true) return this.fail(); // MCP
    }
    const isGraphQl = Array.isArray(item.errors) && item.errors.some((error) => isObject(error) && 'message' in error);
    if (isGraphQl) return this.fail();
    if (item.type === 'error') return this.fail(item.code);
    const exception = Object.keys(item).find((name) => /^[A-Za-z]{1,60}Exception$/.test(name)); // Bedrock
    if (exception !== undefined) return this.fail(exception);
    for (const reason of endReasons(item)) {
      const word = foldedWord(reason);
      if (this.outcome !== undefined || !(BLOCKED_REASONS.has(word) || FAILED_REASONS.has(word))) continue;
      this.fail(reason);
      [this.code, this.reason] = [undefined, this.code];
    }
  }

  count(usage) {
    if (!isObject(usage)) return;
    for (const [kind, names] of Object.entries(ANSWERS.counts)) for (const name of names) this.keepCount(kind, usage[name]);
    for (const [kind, { parents, name }] of Object.entries(ANSWERS.details)) {
      for (const parent of parents) this.keepCount(kind, usage[parent]?.[name]);
    }
    this.count(usage.tokens); // Cohere
  }

  keepCount(kind, number) {
    if (!Number.isSafeInteger(number) || number < 0) return;
    if (number > 0 || this.tokens[kind] === undefined) this.tokens[kind] = number;
  }
}

/** A word in lower case, of letters and digits alone. */
function foldedWord(text) {
  return text.slice(0, 128).toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Whether an `error` member reports an error: some services always send it, empty. */
function isError(error) {
  if (isObject(error)) return Object.values(error).some((value) => ![null, '', 0, false].includes(value));
  return typeof error === 'string' && error !== '' && !/^(?:none|null|ok|false|0)$/.test(foldedWord(error));
}

/** The most specific code of an error: one of a limit or a policy before any other. */
function codeOf(error) {
  if (!isObject(error)) return error;
  const codes = [error.type, error.code, error.status, error.innererror?.code].filter(
    (code) => typeof code === 'number' || (typeof code === 'string' && code !== ''),
  );
  const words = codes.map((code) => foldedWord(String(code)));
  const specific = words.findIndex((word) => BLOCKED_REASONS.has(word) || THROTTLED_CODE.test(word));
  return codes[specific] ?? codes.find((code) => typeof code === 'string') ?? codes[0];
}

/** Why an answer ended, from every member where providers put it. */
function endReasons(item) {
  const listed = [item.choices, item.candidates].filter(Array.isArray).flatMap((list) => list.slice(0, 128));
  const parts = [item, ...ANSWERS.ended.map((name) => item[name]), ...listed].filter(isObject);
  const found = parts.flatMap((part) => [
    ...ANSWERS.reasons.map((name) => part[name]),
    part.incomplete_details?.reason, // OpenAI's Responses
    part.object === 'response' ? part.status : undefined,
  ]);
  return found.filter((reason) => typeof reason === 'string');
}

/**
 * Reads the events of one streamed answer. The protocol's last event ends an answer, not the end of its connection. One
 * event is in memory at a time.
 */
export class Events {
  constructor(mime) {
    this.summary = new AnswerSummary();
    this.isAws = mime === AWS_STREAM;
    this.isSse = mime === SSE;
    this.held = [];
    this.size = 0;
    this.wanted = AWS_PREFIX;
    this.skipping = false;
    this.name = '';
    this.data = [];
    this.dataSize = 0;
    this.count = 0;
    this.lastIsDue = false; // the protocol has a last event
    this.isOver = false; // it has come
  }

  /** Whether the protocol's last event is missing, after the answer's last byte. */
  get isCut() {
    return this.lastIsDue && !this.isOver;
  }

  /** Take the next bytes. */
  add(bytes) {
    if (this.isAws) {
      this.hold(bytes);
      if (this.size >= this.wanted) this.takeFrames();
      return;
    }
    const end = bytes.lastIndexOf(0x0a) + 1;
    if (end > 0) this.takeLines(bytes.subarray(0, end));
    this.hold(bytes.subarray(end));
  }

  /** Read the last event where it has no line end. */
  finish() {
    if (!this.isAws) {
      this.line(Buffer.concat(this.held).toString());
      this.endEvent();
    }
    this.held = [];
  }

  hold(bytes) {
    if (bytes.length === 0 || this.skipping) return;
    this.held.push(bytes);
    this.size += bytes.length;
    if (this.size <= MAX_EVENT_BYTES) return;
    this.held = [];
    this.skipping = true;
  }

  /** Take whole lines. The first may have begun in earlier bytes. */
  takeLines(bytes) {
    const lines = Buffer.concat([...this.held, bytes]).toString().split('\n');
    for (const line of lines.slice(this.skipping ? 1 : 0, -1)) this.line(line);
    this.held = [];
    this.size = 0;
    this.skipping = false;
  }

  line(whole) {
    const line = whole.endsWith('\r') ? whole.slice(0, -1) : whole;
    if (!this.isSse) this.read(line.replace(/^\x1e/, ''));
    else if (line.startsWith('data:')) {
      this.dataSize += line.length;
      if (this.dataSize <= MAX_EVENT_BYTES) this.data.push(line.slice(5));
    } else if (line.startsWith('event:')) this.name = line.slice(6).trim();
    else if (line === '') this.endEvent();
  }

  /** Read the lines since the last empty one. */
  endEvent() {
    if (this.data.length > 0) this.read(this.data.join('\n'));
    this.data = [];
    this.dataSize = 0;
    if (this.name === 'error') this.fail();
    this.name = '';
  }

  fail(code) {
    this.summary.fail(code);
    this.isOver = true;
  }

  /** Read the content of one event. */
  read(text) {
    if (text.trim() === '[DONE]') {
      this.isOver = true;
      return;
    }
    this.count += 1;
    if (this.count > FIRST_EVENTS && !TELLING.test(text)) return;
    const value = tryJson(text);
    this.summary.read(value);
    if (isObject(value)) this.follow(value);
  }

  /** Note which protocol it is, and whether this was its last event. */
  follow({ type, done, is_finished: isFinished, candidates, choices }) {
    const last = done ?? isFinished; // Ollama; Cohere's first version
    const isListed = Array.isArray(candidates) || Array.isArray(choices);
    this.lastIsDue ||= ANSWERS.first_events.includes(type) || typeof last === 'boolean' || isListed;
    this.isOver ||=
      ANSWERS.last_events.includes(type) ||
      last === true ||
      this.summary.isFailed ||
      (Array.isArray(candidates) && candidates.some((one) => isObject(one) && one.finishReason !== undefined));
  }

  /** Read AWS's frames: length, length of the headers, a checksum; headers; payload; a checksum. */
  takeFrames() {
    let rest = Buffer.concat(this.held);
    while (rest.length >= AWS_PREFIX) {
      const total = rest.readUInt32BE(0);
      const begin = AWS_PREFIX + rest.readUInt32BE(4);
      this.skipping = total < begin + AWS_CRC || total > MAX_EVENT_BYTES; // not an event stream of AWS
      if (this.skipping || rest.length < total) break;
      this.frame(rest.toString('latin1', AWS_PREFIX, begin), rest.toString('utf8', begin, total - AWS_CRC));
      rest = rest.subarray(total);
    }
    this.held = this.skipping ? [] : [rest];
    this.size = rest.length;
    this.wanted = rest.length >= AWS_PREFIX ? rest.readUInt32BE(0) : AWS_PREFIX;
  }

  frame(headers, payload) {
    const names = Object.fromEntries([...headers.matchAll(AWS_NAME)].map(([, kind, name]) => [kind, name]));
    if (names.message === 'exception' || names.message === 'error') this.fail(names.exception);
    this.lastIsDue ||= names.event === 'messageStart';
    this.isOver ||= names.event === 'messageStop';
    this.count = 0; // AWS's frames are few: read each
    this.read(payload);
  }
}
