/** Which field colours which half, how values look, groups, sizes, theme. */
import { signal } from '@preact/signals';
import { lookOf, wordOf } from '../fleet/palette.ts';
import { SHAPES } from '../grid/layout.ts';
import { fields, fleet, schema, shape } from './desk.ts';
import { enumsOf } from './enums.ts';
import { Dialog } from './modal.tsx';
import { choose, forgetChoices, type Settings, settings, themeNow } from './settings.ts';
import { fieldName } from './words.ts';

export const isSettingsOpen = signal(false);

export function SettingsDialog() {
  void shape.value;
  const { left, right, grouping, density, theme } = settings.value;
  const paths = [...new Set([...fields.value, ...(schema.value ? enumsOf(schema.value).map(({ path }) => path) : [])])];
  const named = paths.map((path) => [path, fieldName(path)] as const);
  const labels = fleet
    .labelNames()
    .slice(0, 50)
    .map((name) => [`label:${name}`, `label ${name}`] as const);
  return (
    <Dialog isOpen={isSettingsOpen} title="Settings">
      <div class="fields">
        <Choice name="Left half" value={left} options={named} take={(value) => choose({ left: value })} />
        <Choice name="Right half" value={right} options={named} take={(value) => choose({ right: value })} />
        <Choice
          name="Groups"
          value={grouping}
          options={[['auto', 'by rack, or the commonest label'], ['none', 'none'], ['parent', 'by parent'], ...labels]}
          take={(value) => choose({ grouping: value })}
        />
        <Choice
          name="Squares"
          value={density}
          options={[['auto', 'so that all are seen'], ...Object.keys(SHAPES).map((name) => [name, name] as const)]}
          take={(value) => choose({ density: value as Settings['density'] })}
        />
        <Choice
          name="Theme"
          value={theme}
          options={[
            ['auto', "the system's"],
            ['light', 'light'],
            ['dark', 'dark'],
          ]}
          take={(value) => choose({ theme: value as Settings['theme'] })}
        />
      </div>
      <h3>Colours</h3>
      <div class="colours">
        {[...new Set([left, right].flatMap((path) => fleet.column(path).values))].map((value) => (
          <Colour key={value} value={value} />
        ))}
      </div>
      <button type="button" onClick={forgetChoices}>
        As it was at first
      </button>
    </Dialog>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, text: string])[];
  readonly take: (value: string) => void;
}

function Choice({ name, value, options, take }: ChoiceProps) {
  return (
    <label>
      <span>{name}</span>
      <select value={value} onChange={(event) => take(event.currentTarget.value)}>
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

function Colour({ value }: { readonly value: string }) {
  const { colours } = settings.value;
  return (
    <label>
      <input
        type="color"
        value={lookOf(value, themeNow(), colours).colour}
        onInput={(event) => choose({ colours: { ...colours, [value]: event.currentTarget.value } })}
      />
      <span>{wordOf(value)}</span>
    </label>
  );
}
