/** The set of nodes that is shown, as the kraken command names it. The host says which nodes are in it, and what is wrong with it. */
import { useEffect, useState } from 'preact/hooks';
import { filterRefusal, fleet, shape, shown } from './desk.ts';
import { go, route } from './route.ts';
import { count } from './words.ts';

const WAIT = 300;

export function FilterBox() {
  const { filter } = route.value;
  const [text, setText] = useState(filter);
  useEffect(() => setText(filter), [filter]);
  useEffect(() => {
    if (text === filter) return;
    const timer = setTimeout(() => go({ filter: text.trim() }), WAIT);
    return () => clearTimeout(timer);
  }, [text]);
  void shape.value;
  const refusal = filterRefusal.value;
  return (
    <search>
      <form class="filter" onSubmit={(event) => event.preventDefault()}>
        <label for="filter">Filter</label>
        <input
          id="filter"
          type="search"
          autocomplete="off"
          spellcheck={false}
          placeholder="kr[1-4]   @rack=r3   physState=POWER_OFF   !runState=SYNC"
          value={text}
          aria-invalid={refusal !== undefined}
          aria-describedby="filter-says"
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <span id="filter-says" class={refusal ? 'refusal' : 'counted'} aria-live="polite">
          {refusal
            ? `${refusal.message}: ${refusal.why}`
            : shown.value
              ? `${count(shown.value.size, 'node')} of ${fleet.count.toLocaleString('en')}`
              : ''}
        </span>
      </form>
    </search>
  );
}
