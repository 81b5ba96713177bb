/** `kraken plugin check`: which rules of the protocol a module keeps, and what was said where it does not. */
import type { Verdict } from '../conformance/check.ts';
import { oneLine } from './columns.ts';
import { EXIT, usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { printData } from './output.ts';
import { configOf } from './plugin-config.ts';

const SHOWN = 300;

export const check: Action = async (call) => {
  const config = await configOf(call);
  const permissions = listOf(flag(call, 'permission'));
  const only = listOf(flag(call, 'only'));
  const { REQUIREMENTS } = await import('../conformance/requirements.ts');
  const strange = only.find((one) => !one.startsWith('extension') && !Object.keys(REQUIREMENTS).some((id) => isOf(id, one)));
  if (strange !== undefined) throw usage(`there is no requirement ${strange}`, 'Without --only, kraken plugin check names all of them');
  const { checkPlugin } = await import('../conformance/plugin.ts');
  const stop = new AbortController();
  const forget = call.io.onInterrupt(() => stop.abort(usage('the check was interrupted')));
  const report = await checkPlugin({ words: call.args, config, permissions, signal: stop.signal }).finally(forget);
  const verdicts = report.verdicts.filter(({ id }) => only.length === 0 || only.some((one) => isOf(id, one)));
  const failed = verdicts.filter(({ verdict }) => verdict === 'fail');
  const exit = failed.length > 0 ? EXIT.failed : EXIT.ok;
  const names = failed.map(({ id }) => id);
  if (await printData(call, { verdicts, failed: failed.length }, names)) return exit;
  const width = Math.max(...verdicts.map(({ id }) => id.length), 0);
  for (const verdict of verdicts) call.io.out(textOf(verdict, width, call));
  const count = (one: Verdict['verdict']): number => verdicts.filter(({ verdict }) => verdict === one).length;
  const words = `${count('pass')} hold, ${failed.length} do not, ${count('not applicable')} are not applicable.`;
  call.io.out(`\n${failed.length > 0 ? call.style.bad(words) : call.style.good(words)}\n`);
  return exit;
};

/** `init` names all of `init.…`. */
const isOf = (id: string, one: string): boolean => id === one || id.startsWith(`${one}.`);
const listOf = (text: string | undefined): string[] => (text ?? '').split(',').filter((one) => one !== '');

function textOf({ id, sentence, verdict, why, transcript = [] }: Verdict, width: number, { style, io }: Call): string {
  const name = id.padEnd(width);
  switch (verdict) {
    case 'pass':
      return `${style.good('✓')} ${name}  ${sentence}\n`;
    case 'not applicable':
      return style.dim(`– ${name}  ${sentence} (${oneLine(why ?? '')})`).concat('\n');
    case 'fail': {
      const cut = Math.max(SHOWN, io.columns ?? 0);
      const said = transcript.map((line) => `    ${style.dim(line.length > cut ? `${line.slice(0, cut)}…` : line)}\n`);
      return `${style.bad('✗')} ${style.bold(name)}  ${sentence}\n    ${why ?? ''}\n${said.join('')}`;
    }
    default:
      return verdict satisfies never;
  }
}
