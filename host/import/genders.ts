/** A genders file (nodeattr(1)): nodes with attributes, which become labels. */
import { NodeSetError, namesOf, parseNodeSet } from '@kraken-hpc/sdk/state';
import { Gathering, type Imported } from './imported.ts';

/** An attribute without a value becomes a label that is empty: `@compute` selects by it. */
export function readGenders(text: string): Imported {
  const gathered = new Gathering();
  const attributes = new Map<string, Set<string>>();
  for (const [index, whole] of text.split('\n').entries()) {
    const line = index + 1;
    const [nodes = '', list = '', ...more] = whole.replace(/#.*/, '').trim().split(/\s+/);
    if (nodes === '') continue;
    if (more.length > 0) {
      gathered.refuse(line, `${JSON.stringify(more[0])}: attributes are separated by commas, without spaces`);
      continue;
    }
    const names = namesIn(nodes, line, gathered);
    const pairs = list === '' ? [] : pairsIn(list, line, gathered);
    for (const name of names) {
      if (!gathered.add(name, line)) continue;
      const known = attributes.get(name) ?? new Set();
      attributes.set(name, known);
      for (const [attribute, value] of pairs) {
        if (known.has(attribute)) gathered.refuse(line, `${name} has the attribute ${attribute} twice`);
        known.add(attribute);
        gathered.label(name, attribute, withName(value, name), line);
      }
    }
  }
  return gathered;
}

function namesIn(nodes: string, line: number, gathered: Gathering): readonly string[] {
  try {
    // Here `!`, `@` and `=` mean nothing, and stand in no name.
    const names = /[!@=&*]/.test(nodes) ? undefined : namesOf(parseNodeSet(nodes));
    if (names && new Set(names).size === names.length) return names;
    gathered.refuse(line, names ? `${nodes} names a node twice` : `${nodes} is no list of nodes`);
  } catch (error) {
    if (!(error instanceof NodeSetError)) throw error;
    gathered.refuse(line, error.message);
  }
  return [];
}

function pairsIn(list: string, line: number, gathered: Gathering): (readonly [attribute: string, value: string])[] {
  const pairs: [string, string][] = [];
  for (const word of list.split(',')) {
    const equals = word.indexOf('=');
    const attribute = equals < 0 ? word : word.slice(0, equals);
    const value = equals < 0 ? '' : word.slice(equals + 1);
    if (attribute === '') gathered.refuse(line, `${list}: an attribute has no name`);
    else if (equals >= 0 && value === '') gathered.refuse(line, `the attribute ${attribute} has no value after its =`);
    else pairs.push([attribute, value]);
  }
  return pairs;
}

/** `%n` is the node's name, `%%` is one %. */
function withName(value: string, name: string): string {
  return value.replaceAll(/%[n%]/g, (found) => (found === '%n' ? name : '%'));
}
