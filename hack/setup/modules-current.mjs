// Exit code 0 when node_modules holds what package-lock.json asks for (npm keeps its own record of what it installed).
// Plain JavaScript: it runs before the project's own Node.js is there.
import { existsSync, readFileSync } from 'node:fs';

const read = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;

const record = 'node_modules/.package-lock.json';
if (!existsSync(record)) process.exit(1);
const installed = read(record);
for (const [path, wanted] of Object.entries(read('package-lock.json'))) {
  // Optional packages are for other platforms, or already missing for a reason.
  if (path === '' || wanted.optional || wanted.peer) continue;
  if (installed[path]?.version !== wanted.version || !existsSync(path)) process.exit(1);
}
