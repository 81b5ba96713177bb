/** Requests to /api/v1 of the host that served this page. What is refused is thrown as it was said. */
import type {
  Done,
  EngineStatus,
  Explanation,
  GraphView,
  History,
  Hold,
  Listed,
  Listing,
  Me,
  PlanReport,
  Schema,
  Whole,
} from './answers.ts';

/** How the service says no (RFC 9457). */
export class Refusal extends Error {
  readonly status: number;
  readonly where: string;
  readonly why: string;
  readonly todo: string;

  constructor(status: number, { title, where = '', why = '', todo = '' }: Partial<Record<'title' | 'where' | 'why' | 'todo', string>>) {
    super(title ?? `HTTP ${status}`);
    this.name = 'Refusal';
    this.status = status;
    this.where = where;
    this.why = why;
    this.todo = todo;
  }
}

const BASE = new URL('api/v1/', document.baseURI);
const PAGE = 20_000;

export const EVENTS = new URL('events', BASE);

async function request(method: string, path: string, body?: unknown): Promise<unknown> {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const given = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': type } };
  let answer: Response;
  try {
    answer = await fetch(new URL(path, BASE), { method, ...given });
  } catch {
    throw new Refusal(0, { title: 'the host does not answer', why: 'the connection to it is lost', todo: 'It is tried again by itself' });
  }
  const text = await answer.text();
  const json: unknown = text === '' ? {} : JSON.parse(text);
  if (!answer.ok) throw new Refusal(answer.status, json as object);
  return json;
}

const set = (selector: string): string => `selector=${encodeURIComponent(selector)}`;

async function list(fields: readonly string[], selector: string): Promise<{ nodes: Listed[]; revision: number }> {
  const nodes: Listed[] = [];
  let revision = 0;
  let after = '';
  do {
    const asked = `nodes?view=both&limit=${PAGE}&fields=${encodeURIComponent(fields.join(','))}&${set(selector)}${after}`;
    const page = (await request('GET', asked)) as Listing;
    for (const node of page.nodes) nodes.push(node);
    // What changes between two pages is told again by events from the first one on.
    revision ||= page.revision;
    after = page.next === undefined ? '' : `&after=${page.next}`;
  } while (after !== '');
  return { nodes, revision };
}

export const api = {
  me: () => request('GET', 'me') as Promise<Me>,
  login: (token: string) => request('POST', 'session', { token }),
  logout: () => request('DELETE', 'session'),
  list,
  node: (id: string) => request('GET', `nodes/${id}?facts=true`) as Promise<Whole>,
  explain: (id: string) => request('GET', `nodes/${id}/explain`) as Promise<Explanation>,
  history: (id: string | undefined, before?: number) =>
    request(
      'GET',
      `${id === undefined ? 'history' : `nodes/${id}/history`}?limit=50${before === undefined ? '' : `&before=${before}`}`,
    ) as Promise<History>,
  graph: (id?: string) => request('GET', id === undefined ? 'graph' : `nodes/${id}/graph`) as Promise<GraphView>,
  engine: () => request('GET', 'engine') as Promise<EngineStatus>,
  holds: () => request('GET', 'holds') as Promise<{ readonly holds: readonly Hold[] }>,
  schema: () => request('GET', 'schema') as Promise<Schema>,
  plan: (about: { readonly selector: string; readonly values?: Readonly<Record<string, unknown>>; readonly order?: 'reboot' | 'cycle' }) =>
    request('POST', 'plan', about) as Promise<PlanReport>,
  set: (selector: string, patch: object, why: string) =>
    request('PATCH', `nodes?${set(selector)}`, { ...patch, ...reason(why) }) as Promise<Done>,
  power: (selector: string, to: 'on' | 'off', why: string) => request('POST', 'power', { selector, to, ...reason(why) }) as Promise<Done>,
  reboot: (selector: string, cycle: boolean, why: string) =>
    request('POST', 'reboots', { selector, cycle, ...reason(why) }) as Promise<Done>,
  hold: (selector: string, why: string, until?: number) =>
    request('POST', 'holds', { selector, why, ...(until === undefined ? {} : { until }) }) as Promise<Done>,
  release: (selector: string) => request('DELETE', `holds?${set(selector)}`) as Promise<Done>,
  retry: (selector: string, disruptive: boolean) => request('POST', 'retries', { selector, disruptive }) as Promise<Done>,
  cancel: (selector: string) => request('DELETE', `reboots?${set(selector)}`) as Promise<Done>,
  freeze: (why: string) => request('POST', 'engine/freeze', { why }),
  thaw: () => request('POST', 'engine/thaw', {}),
};

function reason(why: string): { readonly why?: string } {
  return why === '' ? {} : { why };
}

/** For a person, whatever it was. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal(0, {
    title: 'something in this page is broken',
    why: error instanceof Error ? error.message : String(error),
    todo: 'Load it again',
  });
}
