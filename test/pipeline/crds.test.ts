/** The committed definitions on a real API server, and what it makes of good and bad objects. */
import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { assert } from 'chai';
import { parse } from 'yaml';
import { kinds } from '#api/index.ts';
import { readCases } from '#api/testing/cases.ts';
import { readDocuments } from '#api/testing/documents.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';

const folder = join(import.meta.dirname, '..', '..', 'crds');
const annotationLimit = 200_000;

async function readDefinitions(): Promise<{ name: string; text: string }[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml');
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })));
}

/** What the API server says to an object, without keeping it: empty when it takes it. */
function refusal(server: ApiServer, object: unknown): Promise<string> {
  const { apiVersion = '', kind = '' } = Object(object);
  const definition = Object.values(kinds).find((candidate) => candidate.kind === kind);
  const path = `/apis/${apiVersion}/namespaces/default/${definition?.plural}?dryRun=All&fieldValidation=Strict`;
  const { ca, certificate: cert, key } = server;
  const headers = { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const call = request(server.url + path, { method: 'POST', ca, cert, key, headers }, (response) => {
      text(response).then((body) => resolve(response.statusCode === 201 ? '' : JSON.parse(body).message), reject);
    });
    call.on('error', reject);
    call.end(JSON.stringify(object));
  });
}

/** `spec.http` of `spec.http[0].timeout`: the API server writes what is deeper in its own way. */
function firstField(path: string): string {
  return /^spec(\.\w+)?/.exec(path)?.[0] ?? path;
}

/** The object as if it were applied to the namespace `default`, with a name if it has none. */
function placed(object: unknown): object {
  const { metadata, ...rest } = Object(object);
  return { ...rest, metadata: { name: 'example', ...metadata, namespace: 'default' } };
}

describe('the committed definitions', function () {
  this.timeout(600_000);
  let server: ApiServer;

  before(async () => {
    server = await startApiServer();
    await server.kubectl(['apply', '-k', folder]);
    await server.definitionsServed();
  });
  after(() => server.stop());

  it('are accepted whole: client-side apply, no condition that complains', async () => {
    const list: {
      items: { metadata: { name: string }; status: { conditions: { type: string; status: string }[] } }[];
    } = JSON.parse(await server.kubectl(['get', 'crd', '-o', 'json']));
    assert.sameMembers(
      list.items.map((item) => item.metadata.name),
      Object.values(kinds).map((kind) => `${kind.plural}.${kind.group}`),
    );
    for (const { metadata, status } of list.items) {
      const complaints = status.conditions.filter(
        ({ type, status: is }) =>
          ['NonStructuralSchema', 'KubernetesAPIApprovalPolicyConformant'].includes(type) && is === 'True',
      );
      assert.deepEqual(complaints, [], metadata.name);
    }
  });

  it('are each below 200 kB as JSON', async () => {
    const sizes = (await readDefinitions()).map(({ name, text }) => ({
      name,
      size: JSON.stringify(parse(text)).length,
    }));
    for (const { name, size } of sizes) console.log(`      ${String(size).padStart(7)} bytes  ${name}`);
    for (const { name, size } of sizes) assert.isBelow(size, annotationLimit, name);
  });

  it('take every resource of the guide', async () => {
    for (const { name, kind, object } of await readDocuments('guide')) {
      if (kind in kinds) assert.equal(await refusal(server, placed(object)), '', name);
    }
  });

  it('take every good example', async () => {
    for (const example of await readCases()) {
      const said = await refusal(server, example.good);
      // Strict validation, so that a pruned field shows; the one exception is kept by preserve-unknown-fields.
      assert.equal(said, '', `${example.kind}: ${example.name}`);
    }
  });

  it('refuse every example that breaks a schema or a CEL rule, and name the field', async () => {
    const broken = (await readCases()).filter((example) => example.refusedBy === 'schema');
    assert.isAbove(broken.length, 60);
    for (const example of broken) {
      const said = await refusal(server, example.bad);
      assert.notEqual(said, '', `${example.kind}: ${example.name}`);
      assert.include(said, firstField(example.path), `${example.kind}: ${example.name}`);
    }
  });

  it('take what only our own checks refuse, which is why there is a webhook', async () => {
    const checked = (await readCases()).filter((example) => example.refusedBy === 'checks');
    for (const example of checked) {
      assert.equal(await refusal(server, example.bad), '', `${example.kind}: ${example.name}`);
    }
  });

  it('keep the revision of an IstioOperator, and show an untouched one as not ready', async () => {
    const mesh = (revision: string) =>
      JSON.stringify({
        apiVersion: 'install.istio.io/v1alpha1',
        kind: 'IstioOperator',
        metadata: { name: 'mesh', namespace: 'default' },
        spec: { revision, profile: 'minimal', aFieldOfTomorrow: { kept: true } },
      });
    await server.kubectl(['apply', '-f', '-'], mesh('one'));
    const stored: { spec: object; status: object } = JSON.parse(
      await server.kubectl(['get', 'istiooperator', 'mesh', '-o', 'json']),
    );
    assert.deepInclude(stored.spec, { aFieldOfTomorrow: { kept: true } });
    assert.deepEqual(stored.status, { observedGeneration: -1, status: 'RECONCILING' });
    const message = await server.kubectl(['apply', '-f', '-'], mesh('two')).then(
      () => '',
      (error) => String(error),
    );
    assert.include(message, 'revision cannot be changed');
    assert.match(
      await server.kubectl(['get', 'iop']),
      /^NAME +REVISION +STATUS +VERSION +READY +AGE\nmesh +one +RECONCILING/,
    );
  });

  it('show whether a route is in force, from conditions that writers own one by one', async () => {
    const route = { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: 'reviews' } };
    const spec = { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews' } }] }] };
    await server.kubectl(['apply', '-f', '-'], JSON.stringify({ ...route, spec }));
    for (const type of ['Accepted', 'Programmed']) {
      const condition = {
        type,
        status: 'True',
        reason: 'Tested',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      };
      await server.kubectl(
        ['apply', '--server-side', '--subresource=status', `--field-manager=${type}`, '-f', '-'],
        JSON.stringify({ ...route, status: { conditions: [condition] } }),
      );
    }
    const row = await server.kubectl(['get', 'vs', 'reviews']);
    assert.match(row, /^NAME +GATEWAYS +HOSTS +ACCEPTED +PROGRAMMED +AGE\nreviews +\["reviews"\] +True +True /);
  });
});
