/** Notes of a node's history, whose values are data, in words. */
import type { Json } from './declaration.ts';
import { isObject } from './pointer.ts';

/** `failed {mutation, kind, text}` as a sentence: what was tried, whether its device took it, what came of it; else undefined. */
export function failedText(note: string, value: Json | undefined): string | undefined {
  if (note !== 'failed' || !isObject(value)) return undefined;
  const { mutation, kind, text } = value;
  return `${String(mutation)} ${kind === 'failed' ? 'failed' : 'was not taken'}: ${String(text)}`;
}
