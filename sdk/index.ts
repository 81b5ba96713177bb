export { type Definition, defineModule, type Life, type Module, type Results } from './define.ts';
export { Busy, LoginRefused, Terminal, TryLater, Unreachable } from './errors.ts';
export type { CfgChange, Host, Query, Report, Watcher } from './host.ts';
export type { ConfigSchema, Duration, ExtensionSchema, PhysState, RunState, StateSchema } from './infer.ts';
export { serve } from './serve.ts';
export type { Hearing, Level, NodeTask, Task, TaskNode } from './task.ts';
export type { Declaration } from './wire/index.ts';
