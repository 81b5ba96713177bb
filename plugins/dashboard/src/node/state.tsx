/** cfg beside dsc: what is wanted, what is seen, by whom, how long ago. */
import type { Explanation, Whole } from '../api/answers.ts';
import { Swatch } from '../shell/legend.tsx';
import { ago, timeOf } from '../shell/words.ts';
import { compare, type Row } from './compare.ts';

export function State({ node, explanation }: { readonly node: Whole; readonly explanation: Explanation }) {
  const gaps = explanation.gaps.filter(({ moot }) => moot === undefined).map(({ path }) => path);
  const rows = compare(node, new Set(gaps));
  const parts = [...new Set(rows.map(({ part }) => part))];
  return (
    <table class="state-table">
      <caption class="unseen">Configured and observed values</caption>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">cfg</th>
          <th scope="col">dsc</th>
          <th scope="col">seen</th>
        </tr>
      </thead>
      {parts.map((part) => (
        <tbody key={part}>
          {part === '' ? null : (
            <tr class="part">
              <th colSpan={4} scope="colgroup">
                {part}
              </th>
            </tr>
          )}
          {rows
            .filter((row) => row.part === part)
            .map((row) => (
              <ValueRow key={row.path} row={row} />
            ))}
        </tbody>
      ))}
    </table>
  );
}

function ValueRow({ row }: { readonly row: Row }) {
  const { path, part, wanted, seen, differs, by, at, stale } = row;
  const name = path.slice(part === '' ? 1 : part.length + 2).replaceAll('/', '.');
  return (
    <tr class={differs ? 'differs' : ''}>
      <th scope="row">
        {differs ? (
          <span class="sign" title="wanted otherwise">
            ≠
          </span>
        ) : null}
        {name}
      </th>
      <td>{wanted}</td>
      <td>
        {/^[A-Z_]{2,}$/.test(seen) ? <Swatch value={seen} /> : null}
        {seen}
      </td>
      <td class="faint" title={by === undefined ? '' : `${by}, ${timeOf(at)}`}>
        {by === undefined ? '' : `${by}, ${ago(at)}`}
        {stale === undefined ? null : <em class="stale"> stale since {ago(stale)}</em>}
      </td>
    </tr>
  );
}
