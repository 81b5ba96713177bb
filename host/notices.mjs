/** What a bundle holds of others, with their licences: their terms ask that both go along. Plain JavaScript, for the build uses it. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const LICENCE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;

/** The folders of the packages that these files of a bundle came from, each once. */
function packagesOf(inputs) {
  const folders = inputs.map((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input.replaceAll('\\', '/'))?.[0]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort();
}

async function notice(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const files = (await readdir(folder)).filter((file) => LICENCE.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  const text = texts.map((one) => one.replaceAll('\r', '').trim()).join('\n\n');
  return { name: `${name} ${version}`, license: String(license ?? 'see below'), text };
}

/** The page for a bundle made of these files (below `root`); undefined where nothing in it is of others. */
export async function noticesOf(root, inputs) {
  const folders = packagesOf(inputs).map((folder) => join(root, folder));
  const notices = await Promise.all(folders.filter((folder) => existsSync(join(folder, 'package.json'))).map(notice));
  if (notices.length === 0) return undefined;
  const sections = notices.map(({ name, license, text }) => `## ${name}\n\nLicence: ${license}\n${text === '' ? '' : `\n${text}\n`}`);
  return `# What of others is in this bundle\n\n${sections.join('\n')}`;
}
