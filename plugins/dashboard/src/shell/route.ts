/** What the page shows stands in its address: a link shows the same to somebody else. */
import { signal } from '@preact/signals';

export type View = 'nodes' | 'table' | 'graph' | 'history';

export interface Route {
  readonly view: View;
  readonly filter: string;
  readonly node: string | undefined;
}

const VIEWS: readonly string[] = ['nodes', 'table', 'graph', 'history'];

function read(): Route {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const params = new URLSearchParams(query);
  const view = (VIEWS.includes(path) ? path : 'nodes') as View;
  return { view, filter: params.get('filter') ?? '', node: params.get('node') ?? undefined };
}

export const route = signal<Route>(read());

addEventListener('hashchange', () => {
  route.value = read();
});

export function go(to: Partial<Route>): void {
  const next = { ...route.value, ...to };
  const params = new URLSearchParams();
  if (next.filter !== '') params.set('filter', next.filter);
  if (next.node !== undefined) params.set('node', next.node);
  const query = params.size > 0 ? `?${params}` : '';
  const hash = `#/${next.view}${query}`;
  if (hash !== location.hash) history.pushState(null, '', hash);
  route.value = next;
}
