/** A word of a command that a person is told, safe to paste into bash and zsh: sets with brackets are quoted. */
export function shellWord(text: string): string {
  return /^[\w.,@:/+-][\w.,@=:/+-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
