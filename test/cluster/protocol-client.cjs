// The client of the protocol tests: `node -e` of this file with a case and an address; prints what came back as JSON.
const http2 = require('node:http2');
const net = require('node:net');

const [kind, host, port] = process.argv.slice(1);
const finish = (result) => {
  process.stdout.write(JSON.stringify(result));
  process.exit(0);
};
const fail = (error) => finish({ error: String(error) });
setTimeout(() => fail('no answer within 10 s'), 10_000);

function frame(text) {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

const cases = {
  http2() {
    const session = http2.connect(`http://${host}:${port}`).on('error', fail);
    const stream = session.request({ ':path': '/' }).on('error', fail);
    let body = '';
    stream.setEncoding('utf8').on('data', (text) => {
      body += text;
    });
    stream.on('end', () => finish({ body }));
  },
  // Three messages, the next one only after the one before came back, so that it must be a stream both ways.
  grpc() {
    const session = http2.connect(`http://${host}:${port}`).on('error', fail);
    const headers = { ':method': 'POST', ':path': '/test.Echo/Stream', 'content-type': 'application/grpc', te: 'trailers' };
    const stream = session.request(headers).on('error', fail);
    const messages = ['one', 'two', 'three'];
    const received = [];
    let status;
    stream.on('data', (data) => {
      received.push(data.subarray(5).toString());
      if (received.length < messages.length) stream.write(frame(messages[received.length]));
      else stream.end();
    });
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status'];
    });
    stream.on('end', () => finish({ received, status }));
    stream.write(frame(messages[0]));
  },
  serverFirst() {
    const socket = net.connect({ host, port: Number(port) }).on('error', fail);
    let text = '';
    socket.setEncoding('utf8').on('data', (data) => {
      if (text === '') socket.write('ping\n');
      text += data;
      if (text.includes('ping')) finish({ text });
    });
  },
  clientFirst() {
    const socket = net.connect({ host, port: Number(port) }, () => socket.write('ping\n')).on('error', fail);
    socket.setEncoding('utf8').on('data', (text) => finish({ text }));
  },
};
cases[kind]();
