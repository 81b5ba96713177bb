/** State as a plugin that reads all of it needs it: paths and documents, sets of nodes, and the original's dialect. */
export { DialectError, fromOriginal } from './from-original.ts';
export { foldNames, isNamed, matches, type NodeSet, NodeSetError, namesOf, parseNodeSet, type Subject } from './nodeset.ts';
export { type Member, OTHER, OURS, SHARED, TYPE_PREFIX, toOriginal, typeUrl, type Vocabulary } from './original.ts';
export {
  childPath,
  covers,
  type Doc,
  followed,
  formatPath,
  get,
  isObject,
  isSubtree,
  leaves,
  mergePatch,
  nest,
  parsePath,
  sameJson,
  setPath,
} from './pointer.ts';
export { withoutZeros } from './zeros.ts';
