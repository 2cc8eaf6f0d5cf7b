import { createHash } from 'node:crypto';
import type { Layer } from './layer.ts';
import type { TarEntry } from './tar.ts';

/** An image as the OCI Image Format Specification 1.1 describes it, before it is written. */
export interface Image {
  /** Full names with registry and tag, such as `localhost/lateen/pilot:0.1.0`. */
  readonly names: readonly string[];
  readonly layers: readonly Layer[];
  readonly entrypoint: readonly string[];
  readonly user?: string;
  readonly workingDirectory?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

interface Blob {
  readonly digest: string;
  readonly size: number;
  readonly entry: TarEntry;
}

const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

/** Digest of an image's manifest: what a container runtime knows it by. */
export function imageDigest(image: Image): string {
  return resolveManifest(image).manifest.digest;
}

/** The files of an OCI image layout that holds all the images, each blob once. */
export function planArchive(images: readonly Image[]): TarEntry[] {
  const blobs = new Map<string, Blob>();
  const manifests: object[] = [];
  for (const image of images) {
    const { config, manifest } = resolveManifest(image);
    for (const blob of [config, manifest, ...image.layers.map(layerBlob)]) blobs.set(blob.digest, blob);
    for (const name of image.names) {
      manifests.push({
        mediaType: mediaTypes.manifest,
        digest: manifest.digest,
        size: manifest.size,
        annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name },
      });
    }
  }
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
  return [
    { type: 'file', path: 'oci-layout', content: JSON.stringify({ imageLayoutVersion: '1.0.0' }) },
    { type: 'directory', path: 'blobs' },
    { type: 'directory', path: 'blobs/sha256' },
    ...[...blobs.values()].map((blob) => blob.entry),
    { type: 'file', path: 'index.json', content: JSON.stringify(index) },
  ];
}

function resolveManifest(image: Image): { config: Blob; manifest: Blob } {
  const config = textBlob(JSON.stringify(imageConfiguration(image)));
  const manifest = textBlob(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, digest: config.digest, size: config.size },
      layers: image.layers.map(({ digest, size }) => ({ mediaType: mediaTypes.layer, digest, size })),
    }),
  );
  return { config, manifest };
}

function imageConfiguration(image: Image): object {
  const environment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...image.environment };
  return {
    created: '1970-01-01T00:00:00Z',
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {
      ...(image.user === undefined ? {} : { User: image.user }),
      ...(image.workingDirectory === undefined ? {} : { WorkingDir: image.workingDirectory }),
      Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      Entrypoint: image.entrypoint,
    },
    rootfs: { type: 'layers', diff_ids: image.layers.map(({ digest }) => digest) },
  };
}

function textBlob(content: string): Blob {
  const digest = createHash('sha256').update(content).digest('hex');
  return {
    digest: `sha256:${digest}`,
    size: Buffer.byteLength(content),
    entry: { type: 'file', path: `blobs/sha256/${digest}`, content },
  };
}

function layerBlob(layer: Layer): Blob {
  const path = `blobs/sha256/${layer.digest.slice('sha256:'.length)}`;
  return { digest: layer.digest, size: layer.size, entry: { type: 'copy', path, source: layer.path, mode: 0o644 } };
}
