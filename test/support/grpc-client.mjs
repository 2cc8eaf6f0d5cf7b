/**
 * A proxyless gRPC client as a process of its own, because its xDS client is one per process. Arguments: what to dial, and
 * `tls` to use what xDS says of TLS. Each line on standard input is a number of calls; each answer a line of JSON that says
 * how many of them came out how.
 */
import { createInterface } from 'node:readline';
import { Client, credentials } from '@grpc/grpc-js';
import { register, XdsChannelCredentials } from '@grpc/grpc-js-xds';

register();
const [target = '', security] = process.argv.slice(2);
const plain = credentials.createInsecure();
const client = new Client(target, security === 'tls' ? new XdsChannelCredentials(plain) : plain);
const same = (bytes) => bytes;

function call() {
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      '/test.Backend/Name',
      same,
      same,
      Buffer.alloc(0),
      { deadline: Date.now() + 5_000 },
      (error, answer) => resolve(error === null ? String(answer) : error.message),
    );
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const outcomes = {};
  for (let at = 0; at < Number(line); at += 1) {
    const outcome = await call();
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  process.stdout.write(`${JSON.stringify(outcomes)}\n`);
}
client.close();
