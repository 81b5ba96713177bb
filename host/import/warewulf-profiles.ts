/** What a node of Warewulf is when its profiles are laid over each other: the later over the earlier, the node over all. */
import { type Lined, type Members, membersOf, textOf } from './lined.ts';

/** Words that unset what a profile says. */
const UNSET = /^(?:unset|delete|undef|--|nil|0\.0\.0\.0)$/i;
/** Members that are added to, and not replaced. */
const ADDED = new Set(['args', 'runtime overlay', 'system overlay']);

/** `missing` is told of profiles that do not exist. */
export function mergeNode(node: Lined, profiles: Members, missing: (name: string, line: number) => void): Members {
  let merged: Members = new Map();
  for (const name of profilesOf(node, profiles, missing)) merged = over(merged, membersOf(profiles.get(name)));
  return withoutUnset(over(merged, membersOf(node)));
}

/** A profile's own profiles come after it; `~NAME` takes one out that came before. */
function profilesOf(node: Lined, profiles: Members, missing: (name: string, line: number) => void): readonly string[] {
  const found: string[] = [];
  const add = (of: Lined): void => {
    for (const item of listOf(membersOf(of).get('profiles'))) {
      const name = textOf(item) ?? '';
      if (name.startsWith('~')) {
        const at = found.indexOf(name.slice(1));
        if (at >= 0) found.splice(at, 1);
      } else if (name !== '' && !found.includes(name)) {
        found.push(name);
        const profile = profiles.get(name);
        if (profile) add(profile);
        else missing(name, item.line);
      }
    }
  };
  add(node);
  return found;
}

export function listOf(lined: Lined | undefined): readonly Lined[] {
  if (lined === undefined || lined.value === '') return [];
  return Array.isArray(lined.value) ? lined.value : [lined];
}

function over(below: Members, above: Members): Members {
  const merged = new Map(below);
  for (const [name, value] of above) {
    const under = below.get(name);
    if (under === undefined) merged.set(name, value);
    else if (value.value instanceof Map) merged.set(name, { line: value.line, value: over(membersOf(under), value.value) });
    else if (ADDED.has(name) && Array.isArray(value.value))
      merged.set(name, { line: value.line, value: [...listOf(under), ...value.value] });
    else if (value.value !== '') merged.set(name, value);
  }
  return merged;
}

function withoutUnset(members: Members): Members {
  const kept = [...members].flatMap(([name, lined]): [string, Lined][] => {
    if (typeof lined.value === 'string') return lined.value === '' || UNSET.test(lined.value) ? [] : [[name, lined]];
    return [[name, lined.value instanceof Map ? { line: lined.line, value: withoutUnset(lined.value) } : lined]];
  });
  return new Map(kept);
}
