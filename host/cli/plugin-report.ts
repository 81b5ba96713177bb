/** What installing a plugin would mean, for the person who decides. All of it comes from strangers: no text of it moves the cursor. */
import type { Permission, Result } from '@kraken-hpc/sdk/wire';
import { oneLine, pairs } from './columns.ts';
import type { Style } from './style.ts';
import { count } from './words.ts';

export type PluginReport = Result<'plugin/stage'>['report'];

/** More of one kind are counted. */
const MOST = 40;

const MEANINGS: Readonly<Record<Permission, string> & Record<string, string | undefined>> = {
  net: 'to use the network',
  ports: 'to open ports below 1024',
  env: "to see those variables of the host's environment that its service names",
  'state:read *': 'to read all of all nodes, not only its own paths',
  'cfg:write': 'to change what is wanted of nodes',
  'dsc:write': 'to report paths that it did not declare',
  operate: 'to do whatever an operator may',
  sessions: "to speak for the nodes' own hosts",
  root: "to run as the host's user, root where that is root",
};

interface Around {
  /** Of those that are made of it already. */
  readonly services: readonly string[];
  readonly isRunning: boolean;
  readonly style: Style;
}

export function reportText(report: PluginReport, around: Around): string {
  const { services } = around;
  const keeps =
    services.length === 0
      ? ''
      : `${servicesText(services)} ${services.length === 1 ? 'keeps its config' : 'keep their configs'} and nodes.\n`;
  return [
    headText(report, around),
    keeps === '' ? '' : keeps.charAt(0).toUpperCase() + keeps.slice(1),
    permissionsText(report, around),
    listText('It adds:', report.adds),
    listText('It takes away:', report.removes),
    waysText(report, around),
    checksText(report, around),
    listText(around.style.bad('It cannot be beside what is there:'), report.conflicts),
  ].join('');
}

/** `service pdu`, `services pdu and pdu2`. */
export function servicesText(services: readonly string[]): string {
  const names = services.map(oneLine);
  const last = names.at(-1) ?? '';
  return names.length === 1 ? `service ${last}` : `services ${names.slice(0, -1).join(', ')} and ${last}`;
}

function headText({ plugin, package: whole, version, kind, replaces, service, served }: PluginReport, { style }: Around): string {
  const from = whole === plugin ? '' : ` (${oneLine(whole)})`;
  const what = kind === 'module' ? 'a module' : 'schemas for nodes, nothing of it runs';
  const place =
    replaces === undefined ? '' : replaces === version ? ', in place of other files of this version' : `, in place of ${oneLine(replaces)}`;
  const serving = served === undefined ? '' : `${service === undefined ? 'It serves' : ', and serves'} ${count(served, 'node')}`;
  const made = service === undefined ? serving : `Service ${oneLine(service)} is made with it${serving}`;
  return `${style.bold(`${oneLine(plugin)} ${oneLine(version)}`)}${from}: ${what}${place}.\n${kind === 'extension' || made === '' ? '' : `${made}.\n`}`;
}

function permissionsText({ permissions, kind, replaces }: PluginReport, { style }: Around): string {
  if (permissions.length === 0) return kind === 'module' ? 'It asks for no permission.\n' : '';
  const rows = permissions.map(({ permission, isNew }) => {
    const meaning = MEANINGS[permission] ?? '';
    return [
      oneLine(permission),
      isNew && replaces !== undefined ? `${meaning} ${style.warn(`(new: ${oneLine(replaces)} does not have it)`)}` : meaning,
    ] as const;
  });
  return `It asks for:\n${pairs(rows, '  ')}`;
}

function listText(heading: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  const more = lines.length > MOST ? `  and ${lines.length - MOST} more: -o json shows all\n` : '';
  return `${heading}\n${lines
    .slice(0, MOST)
    .map((line) => `  ${oneLine(line)}\n`)
    .join('')}${more}`;
}

function waysText({ ways, conflicts }: PluginReport, { isRunning }: Around): string {
  if (conflicts.length > 0) return '';
  if (!isRunning) return "The host does not run: which nodes' ways change is not known.\n";
  if (ways.length === 0) return "No node's way to what is wanted of it changes.\n";
  const texts = ways.slice(0, MOST).map(
    ({ count: number, nodes, before, after }) =>
      `  ${count(number, 'node')}: ${oneLine(nodes)}\n${pairs(
        [
          ['now', oneLine(before)],
          ['then', oneLine(after)],
        ],
        '    ',
      )}`,
  );
  const more = ways.length > MOST ? `  and ${ways.length - MOST} more: -o json shows all\n` : '';
  return `The ways of these nodes change:\n${texts.join('')}${more}`;
}

function checksText({ checks: { passed, notApplicable, failed }, kind }: PluginReport, { style }: Around): string {
  if (kind === 'extension' && passed + failed.length === 0) return '';
  const not = `${failed.length} ${failed.length === 1 ? 'does' : 'do'} not`;
  const head = `Rules of the protocol: ${passed} hold, ${failed.length > 0 ? style.bad(not) : not}, ${notApplicable} are not applicable.\n`;
  const lines = failed.map(
    ({ id, sentence, why }) => `  ${style.bad('✗')} ${style.bold(oneLine(id))}  ${oneLine(sentence)}\n      ${oneLine(why)}\n`,
  );
  return head + lines.join('');
}
