/** Resolved values that between them use every field the builders spell: for golden files and for the real Envoy. */
export { clusters, endpointGroup } from './clusters.ts';
export { listeners } from './listeners.ts';
export { routeTable } from './routes.ts';
