/** Digests of payloads, the same as the writer's. tests/vectors/digests.json proves it. */

import { createHash } from 'node:crypto';
import { Undigestible, decodeJson, isLooseJson } from './json.mjs';
import { JsonShape } from './shape.mjs';

const JSON_MIME = 'application/json';
/** In bytes. A longer payload is not read as JSON. */
const MAX_JSON_BYTES = 32 * 1024 * 1024;
const TOO_LARGE = `is larger than ${MAX_JSON_BYTES} bytes, and may be JSON`;
const MAX_CHUNK_DIGESTS = 128;
/** In bytes. Without a key, the content of a shorter body can be guessed from its digest. */
const GUESSABLE = 1024;

/**
 * @typedef {object} DigestKey  For `hmac-sha256` digests.
 * @property {string} id  names the key in records
 * @property {Uint8Array} key  at least 32 bytes
 */

/**
 * @typedef {object} PayloadDigest
 * @property {string | null} digest  null when `undigestible` says why there is none
 * @property {number} size  in bytes
 * @property {string} mime
 * @property {string} [undigestible]
 * @property {unknown} [value]  the decoded value of a JSON payload
 */

/** A running SHA-256 or HMAC-SHA-256. (The intermediate value of Node's own HMAC cannot be read.) */
export class RunningDigest {
  constructor(key) {
    this.prefix = 'sha256:';
    this.hash = createHash('sha256');
    if (key === undefined) return;
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(key.id) || !(key.key instanceof Uint8Array) || key.key.length < 32) {
      throw new TypeError('a digest key has an id of letters, digits, dots, dashes, underscores, and 32 bytes or more');
    }
    this.prefix = `hmac-sha256:${key.id}:`;
    const block = Buffer.alloc(64);
    block.set(key.key.length > 64 ? createHash('sha256').update(key.key).digest() : key.key);
    this.outer = block.map((byte) => byte ^ 0x5c);
    this.hash.update(block.map((byte) => byte ^ 0x36));
  }

  update(data) {
    this.hash.update(data);
    return this;
  }

  /** The digest of the data so far. */
  text() {
    const inner = this.hash.copy();
    if (this.outer === undefined) return this.prefix + inner.digest('hex');
    return this.prefix + createHash('sha256').update(this.outer).update(inner.digest()).digest('hex');
  }
}

/**
 * The digest of a payload: of the canonical form of JSON, of the bytes of anything else. Ambiguous JSON has no digest: a
 * digest of its bytes would hold the secret fields. `text`: the payload was sent as text.
 * @param {Uint8Array} bytes @param {{ key?: DigestKey, text?: boolean }} [options] @returns {PayloadDigest}
 */
export function digestPayload(bytes, options) {
  const digest = new StreamDigest(options);
  digest.add(bytes);
  return digest.finish();
}

/**
 * Digests one body, chunk by chunk. No chunk is digested alone: a chunk's digest is that of the body up to its end, and
 * there is none within a JSON document, nor, without a key, in the first 1,024 bytes. Only what may still be one JSON
 * document is held.
 */
export class StreamDigest {
  /** @param {{ key?: DigestKey, text?: boolean }} [options] */
  constructor(options = {}) {
    this.options = options;
    this.running = new RunningDigest(options.key);
    this.shape = new JsonShape(); // null once the body cannot be JSON, or is too large
    this.held = [];
    this.tooLarge = false;
    this.size = 0;
    this.chunks = 0;
    this.chunkEvery = 1;
    this.chunkDigests = [];
  }

  /** Take the next chunk, which nobody may change from now on. Empty chunks do not count. */
  add(chunk) {
    if (chunk.length === 0) return;
    const room = Math.max(0, MAX_JSON_BYTES - this.size);
    this.size += chunk.length;
    this.chunks += 1;
    if (this.shape !== null) this.hold(chunk, room);
    else if (!this.tooLarge) this.running.update(chunk);
    if (this.chunks % this.chunkEvery !== 0) return;
    const guessable = this.options.key === undefined && this.size < GUESSABLE;
    this.chunkDigests.push(this.shape !== null || this.tooLarge || guessable ? null : this.running.text());
    if (this.chunkDigests.length > MAX_CHUNK_DIGESTS) {
      this.chunkDigests = this.chunkDigests.filter((_, index) => index % 2 === 1);
      this.chunkEvery *= 2;
    }
  }

  /** Hold a chunk for as long as the body may be JSON. `room`: the bytes that are still read as JSON. */
  hold(chunk, room) {
    this.held.push(chunk);
    this.shape.feed(chunk.subarray(0, room));
    if (this.shape.mayBeJson && this.size <= MAX_JSON_BYTES) return;
    this.tooLarge = this.shape.mayHoldFields;
    if (!this.tooLarge) for (const held of this.held) this.running.update(held);
    this.held = [];
    this.shape = null;
  }

  /** The digest of the whole body. Call it once, at the end. @returns {PayloadDigest} */
  finish() {
    const { size, options } = this;
    const undigested = (undigestible) => ({ digest: null, size, mime: JSON_MIME, undigestible });
    if (this.tooLarge) return undigested(TOO_LARGE);
    if (this.shape !== null) {
      const whole = this.held.length === 1 ? this.held[0] : Buffer.concat(this.held);
      this.held = [];
      try {
        const { value, form } = decodeJson(whole);
        return { digest: new RunningDigest(options.key).update(form).text(), size, mime: JSON_MIME, value };
      } catch (error) {
        if (!(error instanceof Undigestible)) throw error;
        if (isLooseJson(whole)) return undigested(error.message);
      }
      this.running.update(whole);
    }
    return { digest: this.running.text(), size, mime: options.text ? 'text/plain' : 'application/octet-stream' };
  }
}
