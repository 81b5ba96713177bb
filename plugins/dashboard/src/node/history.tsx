/** Who changed what, when and why; newest first, older ones as they are asked for. */
import { useEffect, useState } from 'preact/hooks';
import type { Change } from '../api/answers.ts';
import { api, type Refusal, refusalOf } from '../api/client.ts';
import { fleet, openedChanges } from '../shell/desk.ts';
import { go } from '../shell/route.ts';
import { ago, fieldName, textOf, timeOf } from '../shell/words.ts';

const SETTLE = 1_000;

/** Of one node, or of all. */
export function NodeHistory({ id }: { readonly id?: string }) {
  const [changes, setChanges] = useState<readonly Change[]>([]);
  const [next, setNext] = useState<number>();
  const [refusal, setRefusal] = useState<Refusal>();
  const news = id === undefined ? 0 : openedChanges.value;
  const read = async (before?: number): Promise<void> => {
    try {
      const page = await api.history(id, before);
      setChanges((known) => (before === undefined ? page.changes : [...known, ...page.changes]));
      setNext(page.next);
      setRefusal(undefined);
    } catch (error) {
      setRefusal(refusalOf(error));
    }
  };
  useEffect(() => {
    const timer = setTimeout(() => void read(), news === 0 ? 0 : SETTLE);
    return () => clearTimeout(timer);
  }, [id, news]);
  return (
    <div class="history">
      {refusal ? <p class="refusal">{`${refusal.message}: ${refusal.why}`}</p> : null}
      <ol>
        {changes.map((change) => (
          <Item key={`${change.rev}${change.node}${change.path}`} change={change} isOfAll={id === undefined} />
        ))}
      </ol>
      {next === undefined ? null : (
        <button type="button" onClick={() => void read(next)}>
          Older
        </button>
      )}
    </div>
  );
}

/** What a note says beside its name: a text, or what of it people read. */
function noteOf(to: unknown): string {
  if (typeof to !== 'object' || to === null) return textOf(to);
  const { mutation, text } = to as { readonly mutation?: unknown; readonly text?: unknown };
  const said = [mutation, text].filter((part): part is string => typeof part === 'string' && part !== '');
  return said.length > 0 ? said.join(': ') : textOf(to);
}

function Item({ change, isOfAll }: { readonly change: Change; readonly isOfAll: boolean }) {
  const { node, view, path, from, to, by, why, at } = change;
  const name = fleet.names[fleet.index.get(node) ?? -1] ?? node;
  return (
    <li class={`is-${view}`}>
      <time dateTime={new Date(at ?? 0).toISOString()} title={timeOf(at)}>
        {ago(at)}
      </time>
      <span class="badge">{view}</span>
      <p>
        {isOfAll ? (
          <button type="button" class="link" onClick={() => go({ node })}>
            {name}
          </button>
        ) : null}{' '}
        {view === 'note' ? (
          <>
            {path} {to === true ? '' : noteOf(to)}
          </>
        ) : path === '' ? (
          to === undefined ? (
            'deleted'
          ) : (
            'created'
          )
        ) : (
          <>
            <strong>{fieldName(path)}</strong> {textOf(from) || 'nothing'} → {textOf(to) || 'nothing'}
          </>
        )}{' '}
        <span class="faint">
          {by}
          {why ? `: ${why}` : ''}
        </span>
      </p>
    </li>
  );
}
