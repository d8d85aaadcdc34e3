'use strict';
// Calls of ali-oss for a caller in another language: the client's options are the first argument; each line of JSON
// on standard input, {"method", "args"}, is answered by one on standard output, {"value"} or {"error"}.
// Bytes are {"$bytes": base64}. Names below the option `local` resolve to this machine, as a wildcard in the DNS does.

const dns = require('dns');
const readline = require('readline');
const OSS = require('ali-oss');

const { local, ...options } = JSON.parse(process.argv[2]);
if (local) {
  const lookup = dns.lookup;
  dns.lookup = (host, ...rest) => lookup(host.endsWith(local) ? '127.0.0.1' : host, ...rest);
}
const client = new OSS(options);

function fromJson(key, value) {
  return value && typeof value.$bytes === 'string' ? Buffer.from(value.$bytes, 'base64') : value;
}

function toJson(key, value) {
  // A buffer has turned itself into an array of numbers by the time it gets here.
  const raw = this[key];
  if (Buffer.isBuffer(raw)) return { $bytes: raw.toString('base64') };
  if (key === 'res') return { status: value.status, headers: value.headers };
  return value;
}

async function answer(line) {
  const { method, args } = JSON.parse(line, fromJson);
  try {
    return { value: (await client[method](...args)) ?? null };
  } catch ({ name, message, status, code, ecCode, hostId, requestId }) {
    return { error: { name, message, status, code, ec: ecCode, hostId, requestId } };
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(line), toJson)}\n`);
  }
})();
