// Reads what to digest, one JSON text a line, and writes what came of it. `chunks`: base64.
import { createInterface } from 'node:readline';

const { digestPayload, StreamDigest } = await import(process.argv[2]);
const key = { id: process.argv[3], key: Buffer.from(process.argv[4], 'hex') };

for await (const line of createInterface({ input: process.stdin })) {
  const { chunks, keyed, text } = JSON.parse(line);
  const options = { key: keyed ? key : undefined, text };
  const pieces = chunks.map((chunk) => Buffer.from(chunk, 'base64'));
  const whole = digestPayload(Buffer.concat(pieces), options);
  const stream = new StreamDigest(options);
  for (const piece of pieces) stream.add(piece);
  const total = stream.finish();
  for (const kept of [whole, total]) delete kept.value;
  const { chunkEvery, chunkDigests } = stream;
  console.log(JSON.stringify({ whole, total, chunks: stream.chunks, chunkEvery, chunkDigests }));
}
