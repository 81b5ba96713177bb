/** What programs read: JSON, YAML, or names. */
import type { Call, Format } from './io.ts';

const FORMATS: readonly Format[] = ['human', 'wide', 'json', 'yaml', 'name'];

export function isFormat(text: string): text is Format {
  return (FORMATS as readonly string[]).includes(text);
}

export const FORMAT_NAMES = FORMATS.join(', ');

/** Prints it for programs where they asked; false = a person reads. `names` are what -o name prints, one a line. */
export async function printData(call: Call, data: unknown, names: readonly string[] = []): Promise<boolean> {
  switch (call.format) {
    case 'json':
      call.io.out(`${JSON.stringify(data, null, 2)}\n`);
      return true;
    case 'yaml':
      call.io.out((await import('./yaml.ts')).toYaml(data));
      return true;
    case 'name':
      call.io.out(names.map((name) => `${name}\n`).join(''));
      return true;
    case 'human':
    case 'wide':
      return false;
    default:
      return call.format satisfies never;
  }
}
