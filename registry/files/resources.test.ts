import { expect } from 'chai';
import { type FileResource, mergeFiles, readContent } from './resources.ts';

type Files = Readonly<Record<string, string>>;

/** Takes the states of a folder one after the other; the last one's outcome. */
function through(...states: readonly Files[]) {
  let before: ReadonlyMap<string, FileResource> = new Map();
  let outcome = mergeFiles(before, []);
  for (const files of states) {
    const read = Object.keys(files)
      .sort()
      .map((path) => readContent(path, files[path] ?? ''));
    outcome = mergeFiles(before, read);
    before = outcome.resources;
  }
  return {
    /** `Kind/namespace/name in file#document`, and the port of Services. */
    resources: [...outcome.resources].map(([key, { object, file, document }]) => {
      const port = /"port":(\d+)/.exec(JSON.stringify(object))?.[1];
      return `${key} in ${file}#${document}${port === undefined ? '' : ` port ${port}`}`;
    }),
    problems: outcome.problems.map(({ file, document, path, message }) => `${file}#${document} ${path}: ${message}`),
    foreign: Object.fromEntries(outcome.foreign),
  };
}

const service = (name: string, port: number | string, metadata = '') =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}${metadata}}\nspec: {ports: [{port: ${port}}]}\n`;
const virtualService = (hosts: string) =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v, namespace: b}\nspec: {hosts: ${hosts}, http: [{route: [{destination: {host: a}}]}]}\n`;

describe('the files of a folder', () => {
  it('hold objects of many documents and lists, in `default` unless they say so', () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Node, metadata: {name: n}}\n- {apiVersion: v1, kind: Namespace, metadata: {name: s}}\n`;
    expect(
      through({
        'a.yaml': `---\n${service('one', 1)}---\n---\n${service('two', 2, ', namespace: s')}`,
        'b.json': list,
      }),
    ).to.deep.equal({
      resources: [
        'Service/default/one in a.yaml#1 port 1',
        'Service/s/two in a.yaml#3 port 2',
        'Node//n in b.json#1',
        'Namespace//s in b.json#1',
      ],
      problems: [],
      foreign: {},
    });
  });

  it('may hold other things, which are named and left alone, also where only the group differs', () => {
    const other = `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n---\napiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: k}\n---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g}\n`;
    expect(through({ 'a.yaml': other })).to.deep.equal({
      resources: [],
      problems: [],
      foreign: { 'a.yaml': ['Deployment', 'Gateway', 'Service'] },
    });
  });

  const good = { 'a.yaml': `${service('one', 1)}---\n${service('two', 2)}` };
  const kept = ['Service/default/one in a.yaml#1 port 1', 'Service/default/two in a.yaml#2 port 2'];

  it('keep an object whose new version is faulty, and say file, document and path', () => {
    expect(through(good, { 'a.yaml': `${service('one', '"x"')}---\n${service('two', 3)}` })).to.deep.include({
      resources: ['Service/default/two in a.yaml#2 port 3', 'Service/default/one in a.yaml#1 port 1'],
      problems: ['a.yaml#1 spec.ports[0].port: must be a number, not "x"'],
    });
  });

  for (const [what, text, problem] of [
    ['is no YAML', 'spec: {a: [', 'a.yaml#1 : no YAML: '],
    ['does not say its kind', 'metadata: {name: one}', 'a.yaml#1 kind: is required'],
    ['has no name', 'apiVersion: v1\nkind: Service\nmetadata: {}', 'a.yaml#1 metadata.name: '],
    ['is no object', '- 1', 'a.yaml#1 kind: is required'],
  ] as const) {
    it(`keep everything that a file held while a document of it ${what}`, () => {
      const { resources, problems } = through(good, { 'a.yaml': text });
      expect(resources).to.deep.equal(kept);
      expect(problems).to.have.length(1);
      expect(problems[0]).to.match(new RegExp(`^${problem.replaceAll(/[[\]]/g, '\\$&')}`));
    });
  }

  it('lose what no document and no file holds any more', () => {
    expect(through(good, { 'a.yaml': service('two', 2) }).resources).to.deep.equal([
      'Service/default/two in a.yaml#1 port 2',
    ]);
    expect(through(good, { 'a.yaml': 'spec: {a: [' }, {}).resources).to.deep.equal([]);
  });

  it('give an object that two of them hold to the first, and follow it when it moves', () => {
    const twice = { 'a.yaml': service('one', 1), 'b.yaml': service('one', 2) };
    expect(through(twice)).to.deep.include({
      resources: ['Service/default/one in a.yaml#1 port 1'],
      problems: ['b.yaml#1 metadata.name: Service/default/one stands in document 1 of a.yaml already, which counts'],
    });
    expect(through(twice, { 'b.yaml': service('one', 2) })).to.deep.include({
      resources: ['Service/default/one in b.yaml#1 port 2'],
      problems: [],
    });
  });

  it('hand a faulty mesh resource on, because a faulty policy has consequences', () => {
    expect(through({ 'a.yaml': virtualService('[a]') }, { 'a.yaml': virtualService('7') })).to.deep.include({
      resources: ['VirtualService/b/v in a.yaml#1'],
      problems: ['a.yaml#1 spec.hosts: must be a list, not 7'],
    });
  });
});
