/** Colour, where there is a terminal that wants it. */
import pc from 'picocolors';

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
}

/** https://no-color.org: any value that is not empty. */
export function createStyle(terminal: boolean, env: Readonly<Record<string, string | undefined>>): Style {
  const { bold, dim, green, red, yellow } = pc.createColors(terminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb');
  return { bold, dim, good: green, bad: red, warn: yellow };
}
