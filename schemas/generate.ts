/**
 * Makes from the protocol's data, and from the docstrings of the SDK, what must not be written twice. `--check` writes nothing and exits
 * 1 naming each file that has drifted;
 * `--into DIR` takes another place than this repository.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { apiPage } from './generate/api.ts';
import { codesModule } from './generate/codes.ts';
import { definitionsModule } from './generate/definitions.ts';
import { referencePage } from './generate/reference.ts';
import { readSource } from './generate/source.ts';
import { methodsModule } from './generate/types.ts';
import { validatorsModule } from './generate/validators.ts';

const source = readSource();
const DATA = 'schemas/*.json';
/** In this order: the last is read from files that the others write. */
const files: readonly (readonly [path: string, from: string, make: () => string])[] = [
  ['sdk/wire/methods.ts', DATA, () => methodsModule(source)],
  ['sdk/wire/codes.ts', DATA, () => codesModule(source)],
  ['sdk/wire/validators.ts', DATA, () => validatorsModule(source)],
  ['schemas/PROTOCOL.md', DATA, () => referencePage(source)],
  ['plugins/restapi/v1/definitions.ts', DATA, () => definitionsModule(source)],
  ['sdk/API.md', 'the declarations and docstrings of sdk/', apiPage],
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

const isCheck = process.argv.includes('--check');
const drifted: string[] = [];
for (const [path, from, make] of files) {
  const content = make();
  if (present(path) === content) continue;
  drifted.push(path);
  if (isCheck) {
    console.error(`${path} does not follow from ${from}: run npm run generate and commit the result`);
    process.exitCode = 1;
    continue;
  }
  mkdirSync(new URL('.', new URL(path, root)), { recursive: true });
  writeFileSync(new URL(path, root), content);
}
if (!isCheck) console.log(drifted.length === 0 ? 'nothing to do' : `written: ${drifted.join(', ')}`);
