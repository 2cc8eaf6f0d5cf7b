/** A connection that must arrive at Envoy's inbound port if the rules work: what a user without capabilities can check. */
import { connect, createServer } from 'node:net';
import { LateenError } from '#runtime/core/index.ts';
import type { RedirectSettings } from './settings.ts';

/** Nothing listens here; the rules send it to the inbound capture port. */
const probePort = 15002;
const deadline = 5000;

/**
 * Must run as a proxy user, before Envoy holds the port: the proxy's own call to a loopback address other than 127.0.0.1
 * is redirected inbound, whatever ranges and ports are included. Gives one line when the connection did not arrive.
 */
export async function probeRedirection(settings: RedirectSettings): Promise<readonly string[]> {
  if (settings.mode !== 'REDIRECT') return [];
  const server = createServer();
  const arrived = new Promise<boolean>((resolve) =>
    server.once('connection', (socket) => {
      socket.destroy();
      resolve(true);
    }),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(LateenError.from(error, 'unavailable')));
    server.listen(settings.inboundCapturePort, '0.0.0.0', resolve);
  });
  try {
    const failed = new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.6', port: probePort, timeout: deadline });
      socket.on('timeout', () => resolve(false));
      socket.on('error', () => resolve(false));
      socket.on('close', () => socket.destroy());
    });
    const redirected = await Promise.race([arrived, failed]);
    return redirected
      ? []
      : [`a connection to 127.0.0.6:${probePort} did not arrive at port ${settings.inboundCapturePort}`];
  } finally {
    server.close();
  }
}
