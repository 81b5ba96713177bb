/** What is read of one node, kept as a tree that grows and shrinks with the changes of a watch. */

export interface Tree {
  readonly [member: string]: unknown;
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

const membersOf = (path: string): string[] =>
  path
    .split('/')
    .slice(1)
    .map((member) => member.replaceAll('~1', '/').replaceAll('~0', '~'));

/** The tree with another value at this path ('' = all of it; undefined removes). What it was made of is not changed. */
export function withValue(tree: Tree, path: string, value: unknown): Tree {
  const [member, ...below] = membersOf(path);
  if (member === undefined) return isTree(value) ? value : {};
  return put(tree, member, below, value);
}

function put(tree: Tree, member: string, below: readonly string[], value: unknown): Tree {
  const [next, ...rest] = below;
  const there = Object.hasOwn(tree, member) ? tree[member] : undefined;
  const inner = next === undefined ? value : put(isTree(there) ? there : {}, next, rest, value);
  const others = Object.entries(tree).filter(([name]) => name !== member);
  // A removal is told value by value: with its last value a member is gone.
  if (inner === undefined || (value === undefined && isEmpty(inner))) return Object.fromEntries(others);
  // Not by assignment: a member may be called __proto__.
  return Object.fromEntries([...others, [member, inner]]);
}

/** Nothing is left of it. */
export const isEmpty = (value: unknown): boolean => isTree(value) && Object.keys(value).length === 0;

/** A tree of values by path, as a snapshot tells them. */
export const treeOf = (values: Readonly<Record<string, unknown>>): Tree =>
  Object.entries(values).reduce<Tree>((tree, [path, value]) => withValue(tree, path, value), {});

export function at(tree: Tree | undefined, ...members: readonly string[]): unknown {
  let value: unknown = tree;
  for (const member of members) value = isTree(value) && Object.hasOwn(value, member) ? value[member] : undefined;
  return value;
}

export function textAt(tree: Tree | undefined, ...members: readonly string[]): string | undefined {
  const value = at(tree, ...members);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function treeAt(tree: Tree | undefined, ...members: readonly string[]): Tree {
  const value = at(tree, ...members);
  return isTree(value) ? value : {};
}
