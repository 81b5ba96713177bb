/** What REST answers with and the protocol defines already: its definitions as data, for the OpenAPI document and the checks of requests. */
import { header, type Schema, type Source } from './source.ts';

/** What routes answer with; what these name comes along. */
const ANSWERS = [
  'Author',
  'Change',
  'Done',
  'EngineStatus',
  'Event',
  'Explanation',
  'Fact',
  'GraphView',
  'Held',
  'Limit',
  'Members',
  'PeerStatus',
  'PlanReport',
  'Revision',
  'Schema',
  'ServiceStatus',
  'SyncStatus',
  'Values',
  'WaitingGroup',
];

/** plugins/restapi/v1/definitions.ts: each names the others as `NAME#`, as fastify and ajv look them up. */
export function definitionsModule({ protocol }: Source): string {
  const found = new Map<string, unknown>();
  const add = (name: string): void => {
    if (found.has(name)) return;
    found.set(name, undefined);
    found.set(name, shared(protocol.$defs[name] as Schema, add));
  };
  for (const name of ANSWERS) add(name);
  const sorted = Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
  return [
    header('schemas/protocol.json'),
    `/** Of the protocol: what REST takes and answers with. */\nexport const DEFINITIONS: Readonly<Record<string, object>> = ${JSON.stringify(sorted, null, 1)};\n`,
  ].join('\n');
}

function shared(value: unknown, add: (name: string) => void): unknown {
  if (Array.isArray(value)) return value.map((item) => shared(item, add));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([member, below]) => {
      const name = member === '$ref' && typeof below === 'string' ? /^#\/\$defs\/(\w+)$/.exec(below)?.[1] : undefined;
      if (name === undefined) return [member, shared(below, add)];
      add(name);
      return [member, `${name}#`];
    }),
  );
}
