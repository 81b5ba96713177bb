/** Why the node is where it is, what comes next, and what a person can do. */
import type { Explanation } from '../api/answers.ts';
import { ago, fieldName, textOf } from '../shell/words.ts';

const STATES: Readonly<Record<string, string>> = { next: 'next', running: 'under way', waiting: 'waits', later: 'later' };

export function Explain({ explanation }: { readonly explanation: Explanation }) {
  const { gaps, plan, reasons, blockers, failures, order, todo } = explanation;
  const quiet = gaps.length + plan.length + reasons.length + failures.length + todo.length + blockers.length === 0;
  return (
    <div class="explain">
      {quiet ? <p class="faint">It is where it should be. There is nothing to do.</p> : null}
      {todo.length === 0 ? null : (
        <Part title="What you can do">
          {todo.map((text) => (
            <li key={text} class="is-todo">
              {text}
            </li>
          ))}
        </Part>
      )}
      {reasons.length + blockers.length === 0 ? null : (
        <Part title="Why it waits">
          {reasons.map(({ kind, text, since, todo: what, command }) => (
            <li key={kind + text}>
              {text} <span class="faint">{ago(since)}</span>
              {what === '' ? null : <p class="todo">{what}</p>}
              {command === undefined ? null : <code>{command}</code>}
            </li>
          ))}
          {blockers.map((text) => (
            <li key={text}>{text}</li>
          ))}
        </Part>
      )}
      {order ? (
        <Part title="Asked for">
          <li>
            {order.kind} by {order.by} {order.why ? `(${order.why})` : ''} <span class="faint">{ago(order.since)}</span>
          </li>
        </Part>
      ) : null}
      {gaps.length === 0 ? null : (
        <Part title="What differs">
          {gaps.map(({ path, wanted, seen, wantedBy, seenBy, seenAt, moot }) => (
            <li key={path}>
              <strong>{fieldName(path)}</strong>: wanted <code>{textOf(wanted)}</code>
              {wantedBy ? ` by ${wantedBy}` : ''}, seen <code>{textOf(seen) || 'nothing'}</code>
              {seenBy ? ` by ${seenBy}` : ''} <span class="faint">{ago(seenAt)}</span>
              {moot ? <p class="faint">{moot}</p> : null}
            </li>
          ))}
        </Part>
      )}
      {plan.length === 0 ? null : (
        <Part title="The way there">
          {plan.map(({ mutation, text, state, disruptive, since }) => (
            <li key={mutation} class={`step is-${state}`}>
              <span class="step-state">{STATES[state]}</span>
              <span>
                <code>{mutation}</code> {text}
                {disruptive ? <em class="is-disruptive"> disrupts</em> : null} <span class="faint">{ago(since)}</span>
              </span>
            </li>
          ))}
        </Part>
      )}
      {failures.length === 0 ? null : (
        <Part title="What failed">
          {failures.map(({ at, mutation, text }) => (
            <li key={at + mutation}>
              <code>{mutation}</code> {text} <span class="faint">{ago(at)}</span>
            </li>
          ))}
        </Part>
      )}
    </div>
  );
}

function Part({ title, children }: { readonly title: string; readonly children: preact.ComponentChildren }) {
  return (
    <section>
      <h3>{title}</h3>
      <ul>{children}</ul>
    </section>
  );
}
