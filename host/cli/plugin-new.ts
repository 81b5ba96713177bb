/** `kraken plugin new`: asks for what is not said, and makes the folder, all of it or nothing. */
import { relative, resolve } from 'node:path';
import { closest } from '../core/closest.ts';
import { shellWord } from '../core/shell.ts';
import { type Answers, isTemplate, TEMPLATES, type Template } from '../scaffold/answers.ts';
import { type Definition, readDefinition } from '../scaffold/definition.ts';
import { permissionFault } from '../scaffold/faults.ts';
import { memberFault, memberOf, type PluginName, pluginName } from '../scaffold/names.ts';
import { scaffold } from '../scaffold/scaffold.ts';
import { type Files, readTemplate } from '../scaffold/template.ts';
import { isEmptyFolder, writeFolder } from '../scaffold/write.ts';
import { noModule } from '../scaffold/written.ts';
import { readWhole } from './documents.ts';
import { EXIT, Failure, usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { printData } from './output.ts';
import { stepsIn } from './plugin-new-mutates.ts';
import { Questions } from './plugin-new-questions.ts';
import { count } from './words.ts';

const LICENSE = 'BSD-3-Clause';
const LONGEST = 300;

export const pluginNew: Action = async (call) => {
  const name = pluginName(call.args[0] ?? '');
  const dir = resolve(flag(call, 'dir') ?? name.module);
  await isEmptyFolder(dir);
  const answers = await answersOf(call, name);
  const files = scaffold(answers, await readTemplate(answers.template));
  const stop = new AbortController();
  const forget = call.io.onInterrupt(() => stop.abort(new Failure(EXIT.failed, 'nothing was made: it was interrupted')));
  await writeFolder(dir, files, stop.signal).finally(forget);
  await tell(call, answers, dir, files);
};

async function answersOf(call: Call, name: PluginName): Promise<Answers> {
  const asked = new Questions(call);
  const template = (await asked.answer({
    flag: 'template',
    text: `${Object.entries(TEMPLATES)
      .map(([one, meaning]) => `  ${one.padEnd(14)} ${meaning}\n`)
      .join('')}Which of these?`,
    usual: 'module-ts',
    fault: templateFault,
  })) as Template;
  mustBelong(call, template, name);
  const isModule = template !== 'extension';
  const definition = isModule ? await definitionOf(call, asked, name) : undefined;
  const member = isModule
    ? memberOf(name.module)
    : await asked.answer({ flag: 'member', text: 'Where is it in a node?', usual: memberOf(name.module), fault: memberFault });
  const usual = isModule
    ? definition === undefined
      ? 'Switches machines on and off'
      : doneBy(definition)
    : `What a node holds under /${member}`;
  const description = await asked.answer({ flag: 'description', text: 'What does it do, in a sentence?', usual, fault: lineFault });
  const author = await asked.answer({ flag: 'author', text: 'Who writes it?', usual: '', fault: lineFault });
  const license = await asked.answer({ flag: 'license', text: 'Under which license?', usual: LICENSE, fault: licenseFault });
  const permissions = await asked.answer({
    flag: 'permissions',
    ...(isModule ? { text: 'What may it do beyond its own paths? net, none, or a list:' } : {}),
    usual: (definition?.permissions ?? ['net']).join(',') || 'none',
    fault: (list) => permissionFault(listOf(list)),
  });
  return {
    template,
    name,
    description,
    license,
    permissions: listOf(permissions),
    member,
    ...(author === '' ? {} : { author }),
    ...(definition === undefined ? {} : { definition }),
  };
}

function doneBy({ description, declaration }: Definition): string {
  const names = Object.keys({ ...declaration.mutations, ...declaration.pollers, ...declaration.discoveries });
  const text = description ?? `Does ${names.join(', ')}`;
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && one !== 'none');

/** Flags of the other kind of plugin. */
function mustBelong(call: Call, template: Template, name: PluginName): void {
  const isModule = template !== 'extension';
  if (!isModule && (flag(call, 'from') ?? flag(call, 'mutates')) !== undefined) throw noModule(template, name.package);
  if (!isModule && flag(call, 'permissions') !== undefined)
    throw usage('an extension has no permissions: nothing of it is started', 'Leave out --permissions');
  if (isModule && flag(call, 'member') !== undefined)
    throw usage(`--member is of an extension, and ${template} is a module`, 'Leave it out');
}

function templateFault(text: string): string | undefined {
  if (isTemplate(text)) return undefined;
  const near = closest(text, Object.keys(TEMPLATES));
  return `there is no such template${near ? `; did you mean ${near}?` : `; there are ${Object.keys(TEMPLATES).join(', ')}`}`;
}

const lineFault = (text: string): string | undefined =>
  text.length > LONGEST || /[\x00-\x1f\x7f]/.test(text) ? `it is one line of at most ${LONGEST} characters` : undefined;

const licenseFault = (text: string): string | undefined =>
  /^[A-Za-z0-9.+() -]{1,100}$/.test(text) ? undefined : 'it is no name of a license, such as BSD-3-Clause, MIT or UNLICENSED';

/** What the module does: from a file, from the words of --mutates, or undefined, which is the example. */
async function definitionOf(call: Call, asked: Questions, name: PluginName): Promise<Definition | undefined> {
  const file = flag(call, 'from');
  if (file !== undefined && flag(call, 'mutates') !== undefined)
    throw usage('--from and --mutates say the same in two ways', 'Give one of them');
  if (file !== undefined) return fromFile(call, file, name);
  const steps = await asked.answer({
    flag: 'mutates',
    text: 'What does it change? NAME:PATH=FROM..TO, or nothing for an example that works:',
    usual: '',
    fault: (text) => {
      const found = stepsIn(text);
      return typeof found === 'string' ? found : undefined;
    },
  });
  const found = stepsIn(steps);
  return typeof found === 'string' || found === undefined ? undefined : readDefinition(found, '--mutates', name.module);
}

async function fromFile(call: Call, file: string, name: PluginName): Promise<Definition> {
  const { text, shown } = await readWhole(call.io, file);
  const { fromYaml } = await import('./yaml.ts');
  const found = fromYaml(text);
  if ('error' in found) throw usage(`${shown}: it is neither YAML nor JSON: ${found.error}`, 'Correct it there');
  if (found.documents.length !== 1)
    throw usage(`${shown}: there are ${found.documents.length} documents in it`, 'A definition is one document');
  return readDefinition(found.documents[0], shown, name.module);
}

const TESTS: Readonly<Record<Template, string>> = {
  'module-ts': 'npm install && npm test',
  'module-python': 'python3 -m unittest',
  'module-bare': 'npm test',
  extension: 'npm test',
};

/** What was made, and what comes next. */
async function tell(call: Call, { name, template, definition }: Answers, dir: string, files: Files): Promise<void> {
  const { io, style } = call;
  const names = [...files.keys()];
  const notes = definition?.notes ?? [];
  if (await printData(call, { name: name.package, module: name.module, template, dir, files: names, notes }, [dir])) return;
  const near = relative(process.cwd(), dir) || '.';
  const shown = near.startsWith('..') ? dir : near;
  io.out(`${style.bold(name.package)}: ${TEMPLATES[template]}; ${count(names.length, 'file')} in ${shown}\n`);
  for (const path of names) io.out(`  ${path}\n`);
  if (notes.length > 0) io.out(`\nLook at these, which the definition does not say:\n${notes.map((note) => `  ${note}\n`).join('')}`);
  const folder = shellWord(near.startsWith('.') || near.startsWith('/') ? near : `./${near}`);
  const tests = near === '.' ? TESTS[template] : `(cd ${shellWord(shown)} && ${TESTS[template]})`;
  io.out(`\nNext:\n  ${tests}\n  kraken plugin check ${folder}\n  kraken plugin install ${folder}\n`);
}
