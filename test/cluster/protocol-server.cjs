// The server of the protocol tests, run by `node -e` in a pod: what it answers shows how it was reached.
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');

const describe = (request) =>
  JSON.stringify({ version: request.httpVersion, client: request.headers['x-forwarded-client-cert'] ?? '' });

for (const port of [9001, 9005]) {
  http.createServer((request, response) => response.end(describe(request))).listen(port, '::');
}

// HTTP/2 without TLS. gRPC requests get every message back as it comes, and status 0 at the end.
const serveStream = (stream, headers) => {
  stream.on('error', () => stream.destroy());
  if (headers['content-type'] !== 'application/grpc') {
    stream.respond({ ':status': 200 });
    stream.end(JSON.stringify({ version: '2.0', client: headers['x-forwarded-client-cert'] ?? '' }));
    return;
  }
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.pipe(stream);
};
for (const port of [9002, 9006]) http2.createServer().on('stream', serveStream).listen(port, '::');

// TCP where the server speaks first, then gives back what it gets.
net
  .createServer((socket) => {
    socket.write('hello\n');
    socket.pipe(socket);
    socket.on('error', () => socket.destroy());
  })
  .listen(9003, '::');

// TCP where the client speaks first.
net
  .createServer((socket) => {
    socket.pipe(socket);
    socket.on('error', () => socket.destroy());
  })
  .listen(9004, '::');
