/**
 * Runs inside a network namespace: one connection over which HTTP requests go one after the other until somebody closes
 * it. Every answer is told to the parent, and how the connection ended.
 */
import { connect } from 'node:net';
import type { PodAnswer } from './pods.ts';

export type StreamEvent =
  | { readonly kind: 'answer'; readonly answer: PodAnswer }
  | { readonly kind: 'closed'; readonly how: string };

const INTERVAL_MS = 20;
const [host = '', port = '', authority = ''] = process.argv.slice(2);
const tell = (event: StreamEvent) => process.send?.({ event });
const socket = connect({ host, port: Number(port) });
const ask = () => socket.write(`GET / HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
let received = '';

socket.setEncoding('utf8');
socket.on('connect', ask);
socket.on('data', (chunk: string) => {
  received += chunk;
  // Chunked or not: the answer is the one line of JSON.
  const body = /^\{.*\}$/m.exec(received)?.[0];
  if (body === undefined) return;
  received = '';
  tell({ kind: 'answer', answer: JSON.parse(body) as PodAnswer });
  setTimeout(ask, INTERVAL_MS);
});
socket.on('error', (error) => tell({ kind: 'closed', how: error.message }));
socket.on('end', () => tell({ kind: 'closed', how: 'end' }));
process.on('disconnect', () => process.exit());
