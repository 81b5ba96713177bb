/** What would happen: how many power cycles above all, then the steps, and who cannot get there. */
import type { PlanReport } from '../api/answers.ts';
import type { Refusal } from '../api/client.ts';
import { fleet } from '../shell/desk.ts';
import { count } from '../shell/words.ts';

const MOST_GROUPS = 6;

export function Plan({ plan, refusal }: { readonly plan: PlanReport | undefined; readonly refusal: Refusal | undefined }) {
  if (refusal)
    return (
      <p class="refusal" role="alert">
        {[refusal.where, `${refusal.message}: ${refusal.why}`, refusal.todo].filter((part) => part !== '').join(' — ')}
      </p>
    );
  if (!plan) return <p class="faint">What it would do is shown here first.</p>;
  const { powerCycles, groups, unreachable, remarks = [], atGoal } = plan;
  const [, most] = powerCycles;
  return (
    <section class="plan" aria-label="What it would do">
      <p class={most > 0 ? 'cycles is-some' : 'cycles'}>
        {most === 0
          ? 'No machine is switched off or reset.'
          : `${rangeOf(powerCycles)} ${most === 1 ? 'machine is' : 'machines are'} switched off or reset.`}
      </p>
      {groups.slice(0, MOST_GROUPS).map((group) => (
        <div key={group.nodes[0]} class="plan-group">
          <h3>{count(group.nodes.length, 'node')}</h3>
          {group.steps.length === 0 ? <p class="faint">Nothing to do.</p> : null}
          <ol>
            {group.steps.map(({ mutation, text, disruptive }) => (
              <li key={mutation} class={disruptive ? 'is-disruptive' : ''}>
                <code>{mutation}</code> {text}
                {disruptive ? <em> disrupts</em> : null}
              </li>
            ))}
          </ol>
          {group.waiting.map(({ text, nodes }) => (
            <p key={text} class="waits">
              {count(nodes.length, 'node')} would wait: {text}
            </p>
          ))}
        </div>
      ))}
      {groups.length > MOST_GROUPS ? <p class="faint">… and {groups.length - MOST_GROUPS} more ways.</p> : null}
      {unreachable.map(({ nodes, reasons }) => (
        <p key={nodes[0]} class="refusal">
          {count(nodes.length, 'node')} ({fleet.names[fleet.index.get(nodes[0] ?? '') ?? -1]}
          {nodes.length > 1 ? ' …' : ''}) cannot get there: {reasons.join('; ')}
        </p>
      ))}
      {remarks.map(({ text, nodes }) => (
        <p key={text} class="faint">
          {count(nodes.length, 'node')}: {text}
        </p>
      ))}
      {atGoal > 0 ? <p class="faint">{count(atGoal, 'node')} already there.</p> : null}
    </section>
  );
}

function rangeOf([least, most]: PlanReport['powerCycles']): string {
  return least === most ? String(most) : `${least} to ${most}`;
}
