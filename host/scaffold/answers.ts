/** What is known of a plugin before it is made. */
import type { Definition } from './definition.ts';
import type { PluginName } from './names.ts';

/** Each template, with what a person reads where one is chosen. */
export const TEMPLATES = {
  'module-ts': 'a module in TypeScript, with the SDK',
  'module-python': 'a module in Python, with the standard library alone',
  'module-bare': 'a module in plain JavaScript, without the SDK and without any dependency',
  extension: 'a schema for something more that nodes may hold; no process',
} as const;

export type Template = keyof typeof TEMPLATES;

export function isTemplate(text: string): text is Template {
  return Object.hasOwn(TEMPLATES, text);
}

export interface Answers {
  readonly template: Template;
  readonly name: PluginName;
  readonly description: string;
  readonly license: string;
  readonly author?: string;
  /** Of a module. */
  readonly permissions: readonly string[];
  /** Of an extension: where it is in a node. */
  readonly member: string;
  /** What the module does, where it is not the example. */
  readonly definition?: Definition;
}
