/** The files that a definition makes: the module with everything declared and each step still to be written, its test, its README. */
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Answers, Template } from './answers.ts';
import { refuse } from './names.ts';
import { bareModule, bareTest } from './written-bare.ts';
import { pythonModule, pythonTest } from './written-python.ts';
import { readme } from './written-readme.ts';
import { typescriptModule, typescriptTest } from './written-typescript.ts';

interface Written {
  readonly made: ReadonlyMap<string, string>;
  /** Of the example. */
  readonly dropped: readonly string[];
}

export function written(answers: Answers): Written {
  const { template, definition, name } = answers;
  if (definition === undefined) return { made: new Map(), dropped: [] };
  const made = (module: string, test: string, texts: readonly [string, string], dropped: readonly string[] = []): Written => {
    const [moduleText, testText] = texts;
    return {
      made: new Map([
        [module, moduleText],
        [test, testText],
        ['README.md', readme(answers, definition, module)],
      ]),
      dropped,
    };
  };
  switch (template) {
    case 'module-ts':
      return made('src/module.ts', 'src/module.test.ts', [typescriptModule(definition), typescriptTest(definition)], ['src/machines.ts']);
    case 'module-bare':
      return made('module.js', 'module.test.js', [bareModule(definition), bareTest(definition)]);
    case 'module-python':
      return made('module.py', 'test_module.py', [pythonModule(definition), pythonTest(definition)]);
    case 'extension':
      throw noModule(template, name.package);
    default:
      return template satisfies never;
  }
}

export function noModule(template: Template, name: string): Error {
  const why = `a definition of mutations makes a module, and ${template} is none`;
  return refuse(CODES.InvalidParams, 'nothing was made', name, why, 'Choose module-ts, module-python or module-bare');
}
