/** Whether bytes that arrive piece by piece can still be one JSON document. A "no" is final and right. */

const isSpace = (byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a;
const isMark = (byte) => byte === 0xef || byte === 0xbb || byte === 0xbf; // of a byte order mark

/** Where the first byte is that is neither white space nor of a byte order mark. */
export function firstOf(bytes) {
  let at = 0;
  while (at < bytes.length && (isSpace(bytes[at]) || isMark(bytes[at]))) at += 1;
  return at;
}

export class JsonShape {
  state = 'before'; // then one of: opened, inside, word, after, wide, not
  skipped = false;
  depth = 0;
  deepest = 0;
  inString = false;
  escaped = false;
  isContainer = false;

  get mayBeJson() {
    return this.state !== 'not';
  }

  get mayHoldFields() {
    return this.mayBeJson && (this.isContainer || this.state === 'before');
  }

  feed(bytes) {
    let at = 0;
    if (this.state === 'before') {
      at = firstOf(bytes);
      this.skipped ||= at > 0;
      if (at === bytes.length) return;
      at += this.begin(String.fromCharCode(bytes[at]));
    }
    // A zero byte second is UTF-16: what looks like a bracket or a quote there need not be one.
    if (this.state === 'opened' && at < bytes.length) this.state = bytes[at] === 0 ? 'wide' : 'inside';
    if (this.state === 'inside') at = this.follow(bytes, at);
    else if (this.state === 'word') {
      while (at < bytes.length && '-+.0123456789eEtrufalsn'.includes(String.fromCharCode(bytes[at]))) at += 1;
      if (at < bytes.length) this.state = 'after';
    }
    if (this.state === 'after') {
      while (isSpace(bytes[at])) at += 1;
      if (at < bytes.length) this.state = 'not';
    }
  }

  /** Look at the first character that counts. Returns how many are done. */
  begin(first) {
    this.isContainer = first === '{' || first === '[';
    this.depth = this.isContainer ? 1 : 0;
    if (this.isContainer) this.state = this.skipped ? 'inside' : 'opened';
    else this.state = first === '"' ? 'inside' : '-0123456789tfn'.includes(first) ? 'word' : 'not';
    return this.depth;
  }

  /** Follow strings and brackets. Returns where to go on. */
  follow(bytes, start) {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const inside = /["\\]/g;
    const outside = /["[\]{}]/g;
    for (let at = start; ; ) {
      if (this.escaped && at < text.length) {
        this.escaped = false;
        at += 1;
      }
      const mark = this.inString ? inside : outside;
      mark.lastIndex = at;
      if (this.escaped || !mark.test(text)) return text.length;
      at = mark.lastIndex;
      const found = text[at - 1];
      if (found === '\\') this.escaped = true;
      else if (found === '"') this.inString = !this.inString;
      else this.depth += found === '{' || found === '[' ? 1 : -1;
      this.deepest = Math.max(this.deepest, this.depth);
      if (this.depth > 0 || this.inString) continue;
      this.state = 'after';
      return at;
    }
  }
}
