import { expect } from 'chai';
import { resources } from '#kube/index.ts';
import type { Overlay } from '../install/installation.ts';
import type { Json } from '../install/json.ts';
import type { Child } from './child.ts';
import { applyOverlays, parsePath } from './overlays.ts';

const child: Child = {
  component: 'Pilot',
  resource: resources.deployments,
  object: {
    metadata: { name: 'istiod', labels: {} },
    spec: { containers: [{ name: 'a', args: ['x', 'y'] }, { name: 'b' }], replicas: 1 },
  },
};

function patch(path: string, value: Json | undefined): { spec: Json | undefined; problems: readonly string[] } {
  const overlay: Overlay = { kind: 'Deployment', name: 'istiod', label: 'k8s.overlays[0]', patches: [{ path, value }] };
  const { children, problems } = applyOverlays([child], [overlay]);
  return {
    spec: children[0]?.object.spec as Json,
    problems: problems.map(({ path: at, message }) => `${at}: ${message}`),
  };
}

describe('overlays', () => {
  const cases: readonly (readonly [path: string, value: Json | undefined, spec: Json])[] = [
    ['spec.replicas', 3, { containers: [{ name: 'a', args: ['x', 'y'] }, { name: 'b' }], replicas: 3 }],
    ['spec.replicas', undefined, { containers: [{ name: 'a', args: ['x', 'y'] }, { name: 'b' }] }],
    [
      'spec.containers.[name:a].args.[-1]',
      'z',
      { containers: [{ name: 'a', args: ['x', 'y', 'z'] }, { name: 'b' }], replicas: 1 },
    ],
    [
      'spec.containers[name:a].args[:x]',
      'w',
      { containers: [{ name: 'a', args: ['w', 'y'] }, { name: 'b' }], replicas: 1 },
    ],
    ['spec.containers.[name:b]', undefined, { containers: [{ name: 'a', args: ['x', 'y'] }], replicas: 1 }],
    [
      'spec.containers[1].args',
      ['n'],
      {
        containers: [
          { name: 'a', args: ['x', 'y'] },
          { name: 'b', args: ['n'] },
        ],
        replicas: 1,
      },
    ],
    [
      'spec.new.deep',
      { k: 1 },
      { containers: [{ name: 'a', args: ['x', 'y'] }, { name: 'b' }], replicas: 1, new: { deep: { k: 1 } } },
    ],
  ];
  for (const [path, value, spec] of cases) {
    it(`${path} = ${JSON.stringify(value)}`, () => expect(patch(path, value)).to.deep.equal({ spec, problems: [] }));
  }

  it('says which patch fits nothing', () => {
    expect(patch('spec.containers.[name:none].image', 'x').problems).to.deep.equal([
      'k8s.overlays[0].patches[0].path: no item of the list matches',
    ]);
    expect(patch('spec.replicas.deeper', 'x').problems).to.have.length(1);
  });

  it('reads escaped dots as part of a key', () => {
    expect(parsePath('metadata.annotations.a\\.b/c')).to.deep.equal([
      { kind: 'key', key: 'metadata' },
      { kind: 'key', key: 'annotations' },
      { kind: 'key', key: 'a.b/c' },
    ]);
  });
});
