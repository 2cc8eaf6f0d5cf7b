/**
 * The program of the clients that misbehave: `client.ts MISCHIEF PORT`. It tells its parent, whenever that asks, how often
 * it has done it.
 */
import { type Mischief, mischiefs } from './mischief.ts';

const [name = '', port = ''] = process.argv.slice(2);
const known: Readonly<Record<string, Mischief>> = mischiefs;
const mischief = known[name];
if (mischief === undefined) throw new TypeError(`no mischief is named "${name}"`);
let acts = 0;
mischief.begin(Number(port), () => {
  acts += 1;
});
process.on('message', () => process.send?.(acts));
