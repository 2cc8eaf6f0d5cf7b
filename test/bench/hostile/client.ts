/**
 * The program of the clients that misbehave: `client.ts MISCHIEF PORT`. Its parent first says what they are given that come
 * over TLS, if they do, and is told whenever it asks how often they have done it.
 */
import { once } from 'node:events';
import { type Mischief, mischiefs, type SecureClient } from './mischief.ts';

const [name = '', port = ''] = process.argv.slice(2);
const known: Readonly<Record<string, Mischief>> = mischiefs;
const mischief = known[name];
if (mischief === undefined) throw new TypeError(`no mischief is named "${name}"`);
let acts = 0;
const [secure] = (await once(process, 'message')) as [SecureClient | false];
mischief.begin(
  Number(port),
  () => {
    acts += 1;
  },
  secure || undefined,
);
process.on('message', () => process.send?.(acts));
