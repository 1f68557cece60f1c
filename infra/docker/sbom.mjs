/**
 * `npm run sbom`: what is in each image, as CycloneDX, from the lockfile alone; into .local/sbom, or the folder named.
 *
 * `npm sbom --omit dev` would leave out what is a dependency of one workspace and a development dependency of another, such as kafkajs. So
 * npm is asked about a tree without development dependencies.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { APPS } from './apps.mjs';

const root = join(import.meta.dirname, '..', '..');

/** The components of an app's image. @param {string} app @returns {{ components: { name: string, version: string, purl: string }[] }} */
export function sbomOf(app) {
  const place = mkdtempSync(join(tmpdir(), 'mersal-sbom-'));
  try {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    for (const [path, entry] of Object.entries(lock.packages)) {
      delete entry.devDependencies;
      if (!path.includes('node_modules')) copyManifest(path, place);
    }
    writeFileSync(join(place, 'package-lock.json'), JSON.stringify(lock));
    const args = [
      'sbom',
      '--package-lock-only',
      '--sbom-format',
      'cyclonedx',
      '--workspace',
      `@mersal/${app}`,
    ];
    const document = JSON.parse(
      execFileSync('npm', args, {
        cwd: place,
        encoding: 'utf8',
        maxBuffer: 64 * 1_024 * 1_024,
      }),
    );
    // Of the run, not of what is in the image: the same lockfile gives the same document.
    delete document.serialNumber;
    delete document.metadata.timestamp;
    document.metadata.component.name = `@mersal/${app}`;
    return document;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** @param {string} path of a workspace, or of none @param {string} place */
function copyManifest(path, place) {
  const file = join(path, 'package.json');
  const manifest = JSON.parse(readFileSync(join(root, file), 'utf8'));
  delete manifest.devDependencies;
  mkdirSync(dirname(join(place, file)), { recursive: true });
  writeFileSync(join(place, file), JSON.stringify(manifest));
}

if (process.argv[1] === import.meta.filename) {
  const into = process.argv[2] ?? join(root, '.local', 'sbom');
  mkdirSync(into, { recursive: true });
  for (const app of APPS) {
    const document = sbomOf(app);
    writeFileSync(join(into, `${app}.cdx.json`), `${JSON.stringify(document, null, 2)}\n`);
    console.log(`${join(into, `${app}.cdx.json`)}: ${document.components.length} components`);
  }
}
