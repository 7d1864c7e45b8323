/** One `fetch`, from its request to the events about it. Faults in here are caught; only the call's own errors pass. */

import { randomUUID } from 'node:crypto';
import { AnswerSummary, Events, READ_TYPES } from './answers.mjs';
import { StreamDigest, digestPayload } from './digest.mjs';
import { ANSWERS } from './tables.mjs';
import { bytesOf, cleanEndpoint, idText, isBytes, mediaType, plainName, plainText, retryAfter, within } from './text.mjs';

const CONTEXT = 'agentId userId sessionId correlationId agentVersion deploymentId traceId spanId model outcome'.split(' ');
/** The names of a context's members, and of the record's fields: `agentId` is `agent_id`. */
export const CONTEXT_FIELDS = CONTEXT.map((name) => [name, name.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`)]);
const TRACE_HEADER = 'x-trace-id';
const REQUEST_ID_HEADERS = [...ANSWERS.request_id_headers, TRACE_HEADER];
const STREAM_TYPES = /event-stream|eventstream|ndjson|jsonl|jsonlines|json-seq|stream\+json/;
/** How long a record waits for the digest of a request body that is still being read when the call is over. */
const SENDING_MS = 250;
/** How many bytes of a body are read ahead of the caller. So a body that nobody reads still gets a complete record. */
const READ_AHEAD = 256 * 1024;

/** The fields of an event that a context gives. */
export function contextFields(context) {
  return Object.fromEntries(CONTEXT_FIELDS.map(([name, field]) => [field, plainText(idText(context[name]))]));
}

/** Abandons the body of a response that the program no longer holds. */
const unreachable = new FinalizationRegistry((abandon) => abandon());

/**
 * The caller's own path only notes what happened. All work is done `later`, in the order of what happened.
 */
export class Call {
  constructor(recorder, url, options, context) {
    this.recorder = recorder;
    this.started = performance.now();
    this.url = url;
    this.options = options;
    this.sending = null; // a promise, while a request body is read on its way
    this.sent = null; // a request body that is there as a whole
    this.answeredAfter = null; // milliseconds
    this.isStream = false;
    this.startLogged = false;
    this.over = false; // for the caller
    this.concluded = false; // for the log
    this.hasVerdict = context.outcome !== undefined; // the program gives the outcome itself
    this.arrived = []; // chunks that are still to be digested
    this.events = null;
    this.length = null; // the answer's Content-Length
    this.body = new StreamDigest(recorder.digesting);
    this.attributes = { ...context.attributes };
    this.undigestible = {};
    this.fields = { timestamp: new Date().toISOString() };
    const headers = this.prepare(url, options, plainText(idText(context.correlationId)));
    const address = url instanceof Request ? url.url : String(url);
    const method = options?.method ?? (url instanceof Request ? url.method : 'GET');
    this.recorder.later(() => this.describe(address, method, headers, context));
    recorder.open.add(this);
  }

  describe(address, method, headers, context) {
    const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(headers.get('traceparent') ?? '');
    const fields = contextFields(context);
    Object.assign(this.fields, fields, {
      endpoint: cleanEndpoint(address, this.recorder.domainOnly),
      method: /^[A-Za-z][A-Za-z-]{0,19}$/.test(method) ? method.toUpperCase() : undefined,
      correlation_id:
        fields.correlation_id ?? plainText(headers.get('x-correlation-id')) ?? plainText(headers.get(TRACE_HEADER)),
      request_mime: mediaType(headers.get('content-type')),
      trace_id: fields.trace_id ?? trace?.[1],
      span_id: fields.span_id ?? trace?.[2],
    });
    if (this.sent === null) return;
    this.addRequest(digestPayload(bytesOf(this.sent), { ...this.recorder.digesting, text: !isBytes(this.sent) }));
    this.sent = null;
  }

  /** Make the request that is sent: with an X-Trace-ID, and its body digested on the way. Returns its headers. */
  prepare(url, options, correlation) {
    const body = options?.body;
    if (url instanceof Request || options instanceof Request || body instanceof FormData) {
      // Made here, so that a form's boundary is the same in what is sent and in what is digested.
      const request = new Request(url, options);
      this.url = request;
      this.options = undefined;
      this.addTrace(request.headers, correlation);
      const copy = request.body === null ? null : request.clone().body;
      if (copy === null) this.sent = '';
      else this.awaitRequest(this.digestAll(copy));
      return request.headers;
    }
    const headers = new Headers(options?.headers);
    this.addTrace(headers, correlation);
    this.options = { ...options, headers };
    let mime = '';
    if (body instanceof Blob) {
      this.awaitRequest(this.digestAll(body.stream()));
      mime = body.type;
    } else if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) {
      this.options.body = this.watched(body);
    } else {
      this.sent = isBytes(body) ? new Uint8Array(bytesOf(body)) : String(body ?? ''); // a copy: the program may change it
      if (body instanceof URLSearchParams) mime = 'application/x-www-form-urlencoded';
    }
    return mime === '' || headers.has('content-type') ? headers : new Headers([...headers, ['content-type', mime]]);
  }

  addTrace(headers, correlation) {
    const known = correlation ?? plainText(headers.get('x-correlation-id')) ?? randomUUID();
    const isWanted = this.recorder.traceHeader && !headers.has(TRACE_HEADER);
    if (isWanted && /^[\x21-\x7e]{1,256}$/.test(known)) headers.set(TRACE_HEADER, known);
  }

  /** A body that streams, digested as the network takes it. */
  watched(body) {
    const digest = new StreamDigest(this.recorder.digesting);
    let settle;
    this.awaitRequest(new Promise((resolve) => (settle = resolve)));
    const guard = (work) => this.recorder.guard(work);
    async function* pass() {
      let whole = false;
      try {
        for await (const chunk of body) {
          guard(() => digest.add(new Uint8Array(bytesOf(chunk))));
          yield chunk;
        }
        whole = true;
      } finally {
        settle(whole ? digest.finish() : cutDigest(digest));
      }
    }
    // Node's own `fetch` takes either; before 20.6 only the latter exists.
    const passed = pass();
    return body instanceof ReadableStream && ReadableStream.from ? ReadableStream.from(passed) : passed;
  }

  async digestAll(stream) {
    const digest = new StreamDigest(this.recorder.digesting);
    try {
      for await (const chunk of stream) digest.add(chunk);
      return digest.finish();
    } catch {
      return cutDigest(digest);
    }
  }

  /** Take the digest of a request body that is read on its way. */
  awaitRequest(digest) {
    this.sending = digest.then((payload) => {
      this.recorder.catchUp(); // what is known of the request comes first
      this.sending = null;
      this.addRequest(payload);
    });
  }

  addRequest({ digest, size, mime, undigestible, value }) {
    this.fields.request_hash = digest ?? undefined;
    this.fields.request_bytes = size;
    this.undigestible.request_undigestible = undigestible;
    if (size > 0) this.fields.request_mime ??= mime || undefined;
    this.fields.model ??= plainName(value?.model);
    if (value?.stream === true) this.isStream = true;
  }

  /** There is no answer, or its body broke off. */
  failed(error) {
    this.recorder.later(() => {
      if (this.concluded) return;
      if (this.fields.status === undefined) this.fields.outcome ??= 'error';
      else this.fields.outcome = 'error';
      // The kind of error. Its message may hold anything.
      this.attributes.error_type = plainName(error?.name) ?? 'Error';
      this.attributes.error_code = plainName(error?.cause?.code) ?? plainName(error?.code);
    });
    this.finish(() => false);
  }

  /** There is an answer. Returns the same one for the caller, watched. */
  answered(response) {
    this.answeredAfter = this.elapsed();
    this.recorder.later(() => this.describeAnswer(response));
    if (response.body !== null) return this.watch(response, response.body);
    this.finish(() => true);
    return response;
  }

  describeAnswer({ headers, status, redirected, url }) {
    this.attributes.first_byte_ms = this.answeredAfter;
    this.fields.status = status;
    // A success is known only at the end.
    if (status >= 400) this.fields.outcome ??= status === 429 ? 'throttled' : 'error';
    const mime = mediaType(headers.get('content-type'));
    this.fields.response_mime = mime;
    this.fields.provider_request_id = REQUEST_ID_HEADERS.map((name) => plainText(headers.get(name))).find(Boolean);
    this.attributes.retry_after_ms = retryAfter(headers.get('retry-after'));
    if (redirected) this.attributes.target = cleanEndpoint(url, this.recorder.domainOnly);
    if (READ_TYPES.has(mime)) this.events = new Events(mime);
    if (!headers.has('content-encoding')) this.length = headers.get('content-length');
    if (STREAM_TYPES.test(mime ?? '')) this.isStream = true;
    if (this.isStream) this.begin();
  }

  /** Replace a response's body by a watched one. */
  watch(response, source) {
    const call = this;
    const reader = source.getReader();
    const stream = new ReadableStream(
      {
        type: 'bytes',
        async pull(controller) {
          let next;
          try {
            do next = await reader.read();
            while (!next.done && next.value.length === 0);
          } catch (error) {
            call.failed(error);
            throw error;
          }
          if (next.done) {
            call.finish(() => true);
            controller.close();
            controller.byobRequest?.respond(0);
            return;
          }
          // A byte stream takes a whole buffer over: the caller gets a copy, which it may change, too.
          controller.enqueue(new Uint8Array(next.value));
          call.received(next.value);
        },
        cancel(reason) {
          call.finish(() => call.length === String(call.body.size) || call.events?.isOver);
          return reader.cancel(reason);
        },
      },
      { highWaterMark: READ_AHEAD },
    );
    // Nobody can read a stream that nobody holds: let go of its connection, and log that its end was not seen.
    unreachable.register(stream, () => {
      call.finish(() => false);
      reader.cancel().catch(() => {});
    });
    return sameAs(response, new Response(stream, response));
  }

  received(chunk) {
    if (!this.over && this.arrived.push(chunk) === 1) this.recorder.later(() => this.digestArrived());
  }

  digestArrived() {
    for (const chunk of this.arrived) {
      this.body.add(chunk);
      this.events?.add(chunk);
    }
    this.arrived = [];
  }

  /** Log the start of a stream. */
  begin() {
    if (this.startLogged || this.concluded) return;
    this.startLogged = true;
    this.streamId = randomUUID();
    this.log({ stream: { id: this.streamId, phase: 'start' }, duration_ms: this.answeredAfter });
  }

  /** The call is over, or its stream is. Only the first end counts. `isComplete`: whether all of the body was read. */
  finish(isComplete) {
    if (this.over) return;
    this.over = true;
    this.recorder.open.delete(this);
    const duration = this.elapsed();
    this.recorder.later(() => this.conclude(isComplete, duration));
  }

  /** Log the call, or the end of its stream. */
  conclude(isRead, duration) {
    this.concluded = true;
    const last = { duration_ms: duration };
    if (this.fields.status === undefined) {
      this.log(last);
      return;
    }
    this.events?.finish();
    const complete = Boolean(isRead() && !this.events?.isCut);
    const { size, chunks, chunkEvery, chunkDigests } = this.body;
    const payload = complete ? this.body.finish() : null;
    this.body.held = [];
    last.response_bytes = size;
    const summary = this.events?.summary ?? new AnswerSummary();
    summary.read(payload?.value);
    this.events = null;
    if (summary.model) this.fields.model = summary.model;
    if (Object.keys(summary.tokens).length > 0) last.tokens = summary.tokens;
    const isBlocked = summary.outcome !== undefined && !summary.isFailed;
    if (!this.hasVerdict && summary.outcome !== undefined && (isBlocked || this.fields.status < 400)) {
      last.outcome = summary.outcome;
    } else if (complete) {
      this.fields.outcome ??= 'success';
    }
    this.attributes.error_code ??= summary.code;
    this.attributes.finish_reason ??= summary.reason;
    if (payload === null) {
      this.attributes.truncated = true;
    } else {
      last.response_hash = payload.digest ?? undefined;
      this.undigestible.response_undigestible = payload.undigestible;
      if (size > 0) last.response_mime = this.fields.response_mime ?? payload.mime;
    }
    if (this.isStream || this.startLogged || !complete) {
      const digests = chunkDigests.some(Boolean) ? { chunk_every: chunkEvery, chunk_digests: chunkDigests } : {};
      last.stream = { id: this.streamId ?? randomUUID(), phase: 'end', chunks, bytes: size, complete, ...digests };
    }
    this.log(last);
  }

  /** Log an event, once its request's digest is known. */
  log(more) {
    const id = randomUUID();
    const attributes = { ...this.attributes };
    const add = () => {
      this.recorder.add({ id, ...this.fields, ...more, attributes: { ...attributes, ...this.undigestible } });
    };
    if (this.sending === null) add();
    else this.recorder.addWhenKnown(within(this.sending, SENDING_MS), add);
  }

  elapsed() {
    return Math.round((performance.now() - this.started) * 10) / 10;
  }
}

/** The digest of a request body that was not sent to its end. */
const cutDigest = ({ size }) => ({ digest: null, size, mime: '' });

/** Give a response what the constructor cannot: where it came from. */
function sameAs(from, to) {
  const { url, redirected, type } = from;
  return Object.defineProperties(to, {
    url: { value: url },
    redirected: { value: redirected },
    type: { value: type },
    clone: { value: () => sameAs(from, Response.prototype.clone.call(to)) },
  });
}
