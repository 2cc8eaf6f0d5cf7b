import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Layer } from './layer.ts';
import { defaultMeshImages, planMeshImages } from './mesh-plan.ts';

interface Stage {
  readonly parent: string;
  readonly instructions: readonly string[];
}

describe('the Containerfile', () => {
  const layer = (name: string): Layer => ({ name, path: '', digest: `sha256:${name}`, size: 0 });
  const images = planMeshImages(defaultMeshImages, {
    rootfs: layer('rootfs'),
    node: layer('node'),
    envoy: layer('envoy'),
    agent: layer('pilot-agent'),
    lateen: layer('lateen'),
  });

  for (const image of images) {
    const target = /([^/:]+):[^:]*$/.exec(image.names[0] ?? '')?.[1] ?? '';

    it(`makes ${target} of the same layers, with the same user, environment and command`, async () => {
      const stages = parseStages(await readFile(join(import.meta.dirname, 'Containerfile'), 'utf8'));
      const instructions = resolveStage(stages, target);
      const values = (word: string) =>
        instructions.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
      expect(values('ADD')).to.deep.equal(image.layers.map(({ name }) => `${name}.tar /`));
      expect(values('USER').at(-1)).to.equal(image.user);
      expect(JSON.parse(values('ENTRYPOINT').at(-1) ?? '')).to.deep.equal(image.entrypoint);
      const environment = Object.entries(image.environment ?? {}).map(([name, value]) => `${name}=${value}`);
      expect(values('ENV').filter((line) => !line.startsWith('PATH='))).to.have.members(environment);
    });
  }
});

function parseStages(text: string): Map<string, Stage> {
  const stages = new Map<string, { parent: string; instructions: string[] }>();
  let current: { parent: string; instructions: string[] } | undefined;
  for (const line of text.split('\n')) {
    const from = /^FROM (\S+) AS (\S+)$/.exec(line);
    if (from) {
      current = { parent: from[1] ?? '', instructions: [] };
      stages.set(from[2] ?? '', current);
    } else if (line !== '' && !line.startsWith('#')) {
      current?.instructions.push(line);
    }
  }
  return stages;
}

function resolveStage(stages: ReadonlyMap<string, Stage>, name: string): string[] {
  const stage = stages.get(name);
  return stage ? [...resolveStage(stages, stage.parent), ...stage.instructions] : [];
}
