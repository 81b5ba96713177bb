/** Every action is asked for here: what it is, which nodes, what it would do, and why. Nothing is done before that was seen. */

import { foldNames } from '@kraken-hpc/sdk/state';
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { PlanReport } from '../api/answers.ts';
import { api, type Refusal, refusalOf } from '../api/client.ts';
import { complain, fleet, look, say, schema, selected } from '../shell/desk.ts';
import { enumsOf } from '../shell/enums.ts';
import { Dialog } from '../shell/modal.tsx';
import { count, fieldName } from '../shell/words.ts';
import { type Action, wordsOf } from './action.ts';
import { Plan } from './plan.tsx';

const asked = signal<{ readonly action: Action; readonly nodes: readonly number[] } | undefined>(undefined);
const isOpen = signal(false);
const HOUR = 3_600_000;

export function ask(action: Action, nodes: readonly number[]): void {
  asked.value = { action, nodes };
  isOpen.value = true;
}

export function ActionDialog() {
  const given = asked.value;
  if (!given || !isOpen.value) return null;
  const { title } = wordsOf(given.action);
  return (
    <Dialog isOpen={isOpen} title={given.nodes.length === 0 ? title : `${title}: ${count(given.nodes.length, 'node')}`}>
      <Form action={given.action} nodes={given.nodes} />
    </Dialog>
  );
}

interface Choices {
  readonly why: string;
  readonly hours: string;
  readonly path: string;
  readonly value: string;
}

function Form({ action, nodes }: { readonly action: Action; readonly nodes: readonly number[] }) {
  const words = wordsOf(action);
  const [choices, setChoices] = useState<Choices>({ why: '', hours: '', path: '', value: '' });
  const [refusal, setRefusal] = useState<Refusal>();
  const [isBusy, setBusy] = useState(false);
  const take = (some: Partial<Choices>): void => setChoices({ ...choices, ...some });
  const selector = nodes.map((at) => fleet.ids[at]).join(',');
  const plan = usePlan(action, selector, choices);
  const isReady = (words.why !== 'needed' || choices.why.trim() !== '') && (action.kind !== 'set' || choices.value !== '');
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      const done = await perform(action, selector, choices);
      isOpen.value = false;
      if (nodes.length > 1) selected.value = new Set();
      say('done', `${words.title}: ${done}.`);
      void look().catch(complain);
    } catch (error) {
      setRefusal(refusalOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <p>{words.text}</p>
      {nodes.length === 0 ? null : <p class="names">{foldNames(nodes.map((at) => fleet.names[at] ?? '').slice(0, 2_000))}</p>}
      {action.kind === 'set' ? <Values choices={choices} take={take} /> : null}
      {words.why === 'none' ? null : (
        <label>
          <span>Why{words.why === 'needed' ? '' : ' (kept in the history)'}</span>
          <input
            value={choices.why}
            required={words.why === 'needed'}
            maxLength={500}
            onInput={(event) => take({ why: event.currentTarget.value })}
          />
        </label>
      )}
      {action.kind === 'hold' ? (
        <label>
          <span>For so many hours (empty: until released)</span>
          <input type="number" min="0.1" step="0.1" value={choices.hours} onInput={(event) => take({ hours: event.currentTarget.value })} />
        </label>
      ) : null}
      {words.isPlanned ? <Plan plan={plan.report} refusal={plan.refusal} /> : null}
      {refusal ? (
        <p class="refusal" role="alert">
          {[refusal.where, `${refusal.message}: ${refusal.why}`, refusal.todo].filter((part) => part !== '').join(' — ')}
        </p>
      ) : null}
      <footer>
        <button type="button" onClick={() => void (isOpen.value = false)}>
          Cancel
        </button>
        <button
          type="submit"
          class={(plan.report?.powerCycles[1] ?? 0) > 0 ? 'is-first is-grave' : 'is-first'}
          disabled={isBusy || !isReady || (words.isPlanned && plan.report === undefined)}
        >
          {words.verb}
        </button>
      </footer>
    </form>
  );
}

function Values({ choices, take }: { readonly choices: Choices; readonly take: (some: Partial<Choices>) => void }) {
  const fields = schema.value ? enumsOf(schema.value).filter(({ wanted, path }) => wanted.length > 0 && path !== '/busy') : [];
  const field = fields.find(({ path }) => path === choices.path);
  return (
    <div class="fields">
      <label>
        <span>Field</span>
        <input
          list="paths"
          required
          placeholder="images.state"
          value={choices.path === '' ? '' : fieldName(choices.path)}
          onChange={(event) => take({ path: pathOf(event.currentTarget.value), value: '' })}
        />
        <datalist id="paths">
          {fields.map(({ path }) => (
            <option key={path} value={fieldName(path)} />
          ))}
        </datalist>
      </label>
      <label for="set-value">
        <span>Value</span>
        {field ? (
          <select id="set-value" required value={choices.value} onChange={(event) => take({ value: event.currentTarget.value })}>
            <option value="" disabled>
              choose
            </option>
            {field.wanted.map((value) => (
              <option key={value} value={value}>
                {value}
              </option>
            ))}
          </select>
        ) : (
          <input id="set-value" required value={choices.value} onChange={(event) => take({ value: event.currentTarget.value })} />
        )}
      </label>
    </div>
  );
}

interface Planned {
  readonly report: PlanReport | undefined;
  readonly refusal: Refusal | undefined;
}

/** What the action would do, asked anew whenever it becomes another one. */
function usePlan(action: Action, selector: string, { path, value }: Choices): Planned {
  const [planned, setPlanned] = useState<Planned>({ report: undefined, refusal: undefined });
  useEffect(() => {
    if (!wordsOf(action).isPlanned || (action.kind === 'set' && value === '')) return;
    let isOver = false;
    setPlanned({ report: undefined, refusal: undefined });
    api.plan({ selector, ...intent(action, path, value) }).then(
      (report) => isOver || setPlanned({ report, refusal: undefined }),
      (error: unknown) => isOver || setPlanned({ report: undefined, refusal: refusalOf(error) }),
    );
    return () => {
      isOver = true;
    };
  }, [selector, action.kind, path, value]);
  return planned;
}

function intent(
  action: Action,
  path: string,
  value: string,
): { readonly values?: Readonly<Record<string, unknown>>; readonly order?: 'reboot' } {
  if (action.kind === 'power') return { values: { '/physState': action.to === 'on' ? 'POWER_ON' : 'POWER_OFF' } };
  if (action.kind === 'set') return { values: { [path]: typed(value) } };
  return action.kind === 'reboot' ? { order: 'reboot' } : { values: {} };
}

/** Does it; resolves to what came of it, in words. */
async function perform(action: Action, selector: string, { why, hours, path, value }: Choices): Promise<string> {
  const said = (answer: { readonly nodes?: number }): string => count(answer.nodes ?? 0, 'node');
  switch (action.kind) {
    case 'freeze':
      await api.freeze(why);
      return 'no step is started until it is thawed';
    case 'power':
      return said(await api.power(selector, action.to, why));
    case 'reboot':
      return said(await api.reboot(selector, false, why));
    case 'hold':
      return said(await api.hold(selector, why, hours === '' ? undefined : Date.now() + Number(hours) * HOUR));
    case 'release':
      return said(await api.release(selector));
    case 'retry':
      return said(await api.retry(selector, false));
    case 'set':
      return said(await api.set(selector, patchOf(path, typed(value)), why));
    default:
      return action satisfies never;
  }
}

function pathOf(text: string): string {
  return text.startsWith('/') ? text : `/${text.trim().replaceAll('.', '/')}`;
}

/** Numbers and true or false are what they look like; all else is text. */
function typed(text: string): unknown {
  return /^(?:-?\d+(?:\.\d+)?|true|false|null)$/.test(text) ? JSON.parse(text) : text;
}

function patchOf(path: string, value: unknown): object {
  return path
    .split('/')
    .slice(1)
    .reduceRight<unknown>((below, name) => ({ [name.replaceAll('~1', '/').replaceAll('~0', '~')]: below }), value) as object;
}
