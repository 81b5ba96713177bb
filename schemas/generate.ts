/**
 * Makes from the protocol's data what must not be written twice. `--check` writes nothing and exits 1 naming each file that has drifted;
 * `--into DIR` takes another place than this repository.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { codesModule } from './generate/codes.ts';
import { definitionsModule } from './generate/definitions.ts';
import { referencePage } from './generate/reference.ts';
import { readSource } from './generate/source.ts';
import { methodsModule } from './generate/types.ts';
import { validatorsModule } from './generate/validators.ts';

const source = readSource();
const files: readonly (readonly [path: string, content: string])[] = [
  ['sdk/wire/methods.ts', methodsModule(source)],
  ['sdk/wire/codes.ts', codesModule(source)],
  ['sdk/wire/validators.ts', validatorsModule(source)],
  ['schemas/PROTOCOL.md', referencePage(source)],
  ['plugins/restapi/v1/definitions.ts', definitionsModule(source)],
];

const into = process.argv.indexOf('--into');
const root = into === -1 ? new URL('../', import.meta.url) : pathToFileURL(`${process.argv[into + 1]}/`);
const present = (path: string): string | undefined => {
  try {
    return readFileSync(new URL(path, root), 'utf8');
  } catch {
    return undefined;
  }
};

const drifted = files.filter(([path, content]) => present(path) !== content);
if (process.argv.includes('--check')) {
  for (const [path] of drifted) console.error(`${path} does not follow from schemas/*.json: run npm run generate and commit the result`);
  process.exitCode = drifted.length === 0 ? 0 : 1;
} else {
  for (const [path, content] of drifted) {
    mkdirSync(new URL('.', new URL(path, root)), { recursive: true });
    writeFileSync(new URL(path, root), content);
  }
  console.log(drifted.length === 0 ? 'nothing to do' : `written: ${drifted.map(([path]) => path).join(', ')}`);
}
