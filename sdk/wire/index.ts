export type { CallContext } from './call.ts';
export { CODES, type ErrorKind, type ErrorName, errorKind, type Retry } from './codes.ts';
export type { End, MethodName, NotificationsTo, Other, Params, RequestsTo, Result } from './ends.ts';
export { type RefusalText, RpcError, refusal, rpcError } from './fault.ts';
export { encodeLine, LineDecoder, type LineFault } from './lines.ts';
export type {
  Author,
  Change,
  Conditions,
  Declaration,
  DiscoveryDeclaration,
  Event,
  EventKind,
  Fact,
  Failed,
  Failure,
  GraphView,
  Json,
  Limit,
  Methods,
  MutationDeclaration,
  NodeState,
  Observed,
  Outcome,
  Path,
  Permission,
  PollerDeclaration,
  Revision,
  Scalar,
  TaskNode,
  Values,
  View,
} from './methods.ts';
export { LINE_LIMIT, METHODS, PROTOCOL } from './methods.ts';
export type { Misfit } from './misfit.ts';
export type { LateAnswer, Peer, PeerFault, PeerOptions, RequestOptions, SentCall } from './peer.ts';
export { createPeer, notification } from './rpc.ts';
export { manifestMisfit, paramsMisfit, resultMisfit } from './validate.ts';
export { createWriter, type LineWriter, type WriterOptions } from './writer.ts';
