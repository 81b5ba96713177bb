/** From answers and a template to the files of a plugin; nothing is read or written. */
import { isObject } from '@kraken-hpc/sdk/state';
import type { Json } from '../core/declaration.ts';
import type { Answers } from './answers.ts';
import type { Files } from './template.ts';
import { written } from './written.ts';

/** npm packs no file of this name. */
const IGNORE = /(^|\/)gitignore$/;

/** The files by path, sorted. */
export function scaffold(answers: Answers, template: Files): Files {
  const files = new Map<string, string>();
  const own = answers.definition === undefined ? template : withWritten(answers, template);
  for (const [path, text] of own) {
    const filled = /^(?:package|module)\.json$/.test(path) ? manifest(JSON.parse(text), answers) : fill(text, answers);
    files.set(fill(path.replace(IGNORE, '$1.gitignore'), answers), filled);
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What the definition makes takes the place of the example. */
function withWritten(answers: Answers, template: Files): Files {
  const { made, dropped } = written(answers);
  const files = new Map([...template, ...made]);
  for (const path of dropped) files.delete(path);
  return files;
}

function fill(text: string, { name, description, member }: Answers): string {
  const words: Readonly<Record<string, string>> = {
    package: name.package,
    module: name.module,
    description,
    member,
    Type: member.charAt(0).toUpperCase() + member.slice(1),
  };
  return text.replaceAll(/@@(\w+)@@/g, (whole, word: string) => words[word] ?? whole);
}

/** package.json or module.json, as data: so no answer can break it. */
function manifest(given: { [key: string]: Json }, answers: Answers): string {
  const { name, description, author, license, permissions, member } = answers;
  const whole: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(given)) {
    if (key === 'name') whole[key] = name.package;
    else if (key === 'description') whole[key] = description;
    else if (key === 'license') whole[key] = license;
    else if (key === 'permissions') whole[key] = [...permissions];
    else if (key === 'kraken' && isObject(value))
      whole[key] = 'extensions' in value ? withSchema(value, member) : { ...value, permissions: [...permissions] };
    else whole[key] = value;
    if (key === 'description' && author !== undefined) whole['author'] = author;
  }
  return `${JSON.stringify(whole, null, 2)}\n`;
}

const withSchema = (kraken: { [key: string]: Json }, member: string): Json => ({
  ...kraken,
  extensions: { [member]: `schemas/${member}.json` },
});
