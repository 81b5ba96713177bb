/** The README of a module that was made from a definition: what is there, what is to be written. */
import type { Json } from '../core/declaration.ts';
import type { Answers } from './answers.ts';
import type { Definition } from './definition.ts';
import { stepsOf } from './steps.ts';

interface Words {
  readonly language: string;
  readonly try: string;
  readonly unreachable: string;
  readonly ended: string;
  readonly why: string;
}

const WORDS: Readonly<Record<Exclude<Answers['template'], 'extension'>, Words>> = {
  'module-ts': {
    language: 'TypeScript',
    try: 'npm install\nnpm test                       # builds, and runs the unit tests',
    unreachable: 'throw `Unreachable`',
    ended: 'Hand on the `signal`',
    why: ': it ends what was cancelled',
  },
  'module-bare': {
    language: 'plain JavaScript, without any dependency',
    try: 'npm test                       # its own tests',
    unreachable: "throw `new Failure('NodeUnreachable', …)`",
    ended: 'Hand on the `signal`',
    why: ': it ends what was cancelled',
  },
  'module-python': {
    language: 'Python 3.9 or later, with the standard library alone',
    try: 'python3 -m unittest            # its own tests',
    unreachable: 'raise `Failure("NodeUnreachable", …)`',
    ended: 'Use `task.left()`',
    why: ', in seconds, as the timeout of whatever waits',
  },
};

export function readme({ template, name }: Answers, { declaration }: Definition, file: string): string {
  if (template === 'extension') return '';
  const words = WORDS[template];
  const rows = stepsOf(declaration).map((step) => `| \`${step.name}\` | ${step.kind} | ${seen(step.example)} |`);
  const told = Object.keys(declaration.discoveries ?? {}).map((one) => `| \`${one}\` | discovery | whatever it hears of by itself |`);
  return `# @@package@@

@@description@@

A module for [Kraken](https://github.com/kraken-hpc/kraken) in ${words.language}. What it does was given in a definition; everything is
declared, and each step is still to be written. Until then it fails, and says so.

## What is to be written

In \`${file}\`:

| name | what | it then sees, for example |
|---|---|---|
${[...rows, ...told].join('\n')}

Four habits make a good module. **Return what you saw**, not what was asked for. **Not being able to ask is not a state**:
${words.unreachable}, and never say that a silent machine is off. **${words.ended}**${words.why}. **Say
\`disruptive\`** where a step may kill what runs on a node. When to act, how often, and what after a failure is Kraken's part.

## Try it

\`\`\`sh
${words.try}
kraken plugin check .          # every rule of the protocol, one by one
kraken plugin install .        # into the cluster that this machine runs
\`\`\`

## Config

${configTable(declaration.config)}

To see a module that is whole, make one without a definition: \`kraken plugin new example --template ${template}\`.
${name.package === name.module ? '' : `Its service is called \`${name.module}\`.\n`}`;
}

const seen = (example: { readonly [path: string]: Json }): string =>
  Object.entries(example)
    .map(([path, value]) => `\`${path}\` ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');

function configTable(config: { readonly [key: string]: Json } | undefined): string {
  const keys = Object.entries(config ?? {});
  if (keys.length === 0) return 'There is nothing to be set.';
  const meaning = (schema: Json): string => {
    const { description, type } = schema as { readonly description?: Json; readonly type?: Json };
    return typeof description === 'string' ? description.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|') : `${String(type ?? 'any value')}`;
  };
  return `| key | meaning |\n|---|---|\n${keys.map(([key, schema]) => `| \`${key}\` | ${meaning(schema)} |`).join('\n')}`;
}
